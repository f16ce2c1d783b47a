// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_POST_PROCESSING_H
#define QNTN_QKD_POST_PROCESSING_H

#include "qkd/kme-message.h"
#include "qkd/qkd-link.h"

#include "ns3/random-variable-stream.h"

#include <array>
#include <functional>
#include <map>

namespace qntn
{

class QkdNetwork;

/// What one end of a link knows of the key that both hold: how many blocks, how much, and a digest
/// over all of it. Equal at both ends, always.
struct EndRegister
{
    uint64_t blocks{0};
    uint64_t bits{0};
    uint64_t digest{0};

    void Append(uint64_t block, uint64_t secretBits, uint64_t hash);
    bool operator==(const EndRegister&) const = default;
};

/// The two ends of one link turn sifted blocks into key by messages: detections, bases with the
/// syndrome, hash of the corrected key, seed of privacy amplification, hash of the key, ready.
/// Every message carries a tag that is paid from the link's own pool; a block whose tag cannot be
/// paid, whose message is lost or whose hashes differ is lost. After a lost message new blocks are
/// lost unsent for a while, longer each time, so that a dead channel does not eat the key kept for
/// tags.
class PostProcessing
{
  public:
    struct Config
    {
        uint64_t tagBits{64};     ///< key for the tag of each message
        double failureRatio{0};   ///< blocks in which error correction leaves an error
        uint64_t maxUnderWay{16}; ///< blocks; more are lost: the channel cannot follow
    };

    using Post = std::function<void(uint32_t from, uint32_t to, const KmeMessage&)>;

    PostProcessing(QkdNetwork& network, uint32_t link, const Config& config, Post post);

    void Start(const SiftedBlock& block);
    /// A message has come to \p site.
    void Receive(uint32_t site, const KmeMessage& message);
    /// A message was given up.
    void Lose(const KmeMessage& message);
    /// Give up every block under way.
    void LoseAll();
    void Check() const;
    uint64_t GetNumUnderWay() const;
    /// Blocks whose hashes differed.
    uint64_t GetNumMismatches() const;
    int64_t AssignStreams(int64_t stream);

  private:
    struct Work
    {
        SiftedBlock block;
        bool corrected{true};           ///< error correction at B left no error
        std::array<uint64_t, 2> hash{}; ///< as A and B computed it
    };

    /// \return false if the block is lost for want of key
    bool Send(uint32_t from,
              KmeMessageType type,
              const Work& work,
              uint64_t contentBits,
              uint64_t hash = 0);
    void Abandon(uint64_t block);
    uint64_t Hash(const Work& work, bool atReceiver, uint64_t salt) const;

    QkdNetwork& m_network;
    uint32_t m_link;
    Config m_config;
    Post m_post;
    uint32_t m_siteA;
    uint32_t m_siteB;
    std::map<uint64_t, Work> m_works;
    std::array<EndRegister, 2> m_ends;
    uint64_t m_mismatches{0};
    ns3::Time m_pause{0}; ///< after the last loss; zero while messages arrive
    ns3::Time m_resumeAt{0};
    ns3::Ptr<ns3::UniformRandomVariable> m_uniform;
};

} // namespace qntn

#endif // QNTN_QKD_POST_PROCESSING_H
