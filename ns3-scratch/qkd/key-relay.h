// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_KEY_RELAY_H
#define QNTN_QKD_KEY_RELAY_H

#include "qkd/key-paths.h"
#include "qkd/kme-message.h"

#include "ns3/event-id.h"
#include "ns3/nstime.h"

#include <functional>
#include <map>

namespace qntn
{

class QkdNetwork;

/// How a key goes over trusted relays.
enum class RelayScheme : uint8_t
{
    HopByHop, ///< decrypted and encrypted anew at every relay
    Xor,      ///< every relay sends the sum of its two link keys to the end
};

/// Carries key over paths of trusted relays by messages. A transfer that is not confirmed within
/// the time-out has failed; what its hops have spent is spent.
class KeyRelay
{
  public:
    struct Config
    {
        RelayScheme scheme{RelayScheme::HopByHop};
        uint64_t tagBits{64};
        ns3::Time timeout{ns3::Seconds(10)};
    };

    using Post = std::function<void(uint32_t from, uint32_t to, const KmeMessage&)>;

    KeyRelay(QkdNetwork& network, const Config& config, Post post);
    ~KeyRelay();

    void Start(uint64_t transfer, const KeyPath& path, uint64_t bits);
    void Receive(uint32_t site, const KmeMessage& message);
    uint64_t GetNumUnderWay() const;

  private:
    struct Work
    {
        KeyPath path;
        uint64_t bits;
        uint32_t awaited; ///< messages that the end still needs
        ns3::EventId timeout;
    };

    /// Spend hop \p hop and send the key, or its announcement, over it.
    void Hop(uint64_t transfer, Work& work, uint32_t hop);
    void SendXor(uint64_t transfer, Work& work, uint32_t hop, uint32_t origin);
    /// Something for the end has come.
    void Arrive(uint64_t transfer, Work& work);
    void SendBack(uint64_t transfer, Work& work, uint32_t from, KmeMessageType type);
    void End(uint64_t transfer, bool delivered);
    bool PayTag(const Work& work, uint32_t hop);

    QkdNetwork& m_network;
    Config m_config;
    Post m_post;
    std::map<uint64_t, Work> m_works;
};

} // namespace qntn

#endif // QNTN_QKD_KEY_RELAY_H
