// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_KEY_TRANSPORT_H
#define QNTN_QKD_KEY_TRANSPORT_H

#include "qkd/key-paths.h"
#include "qkd/qkd-link.h"

#include "ns3/object.h"

namespace qntn
{

class QkdNetwork;

/// How the classical messages of a QkdNetwork travel. Without one, both ends of a link agree at
/// once and relayed key arrives within its block.
class KeyTransport : public ns3::Object
{
  public:
    static ns3::TypeId GetTypeId();

    /// All sites and links exist. \p network outlives the transport's use.
    virtual void Connect(QkdNetwork& network) = 0;
    /// A sifted block waits at both ends of \p link. Ends in QkdNetwork::StoreBlock or AbortBlock.
    virtual void Distil(uint32_t link, const SiftedBlock& block) = 0;
    /// Carry \p bits over \p path. Each hop is paid by QkdNetwork::PayRelay; ends in
    /// QkdNetwork::EndRelay.
    virtual void Relay(uint64_t transfer, const KeyPath& path, uint64_t bits) = 0;
    /// A key manager crashes, or comes back with an empty memory and its key store as it was.
    virtual void SetSiteUp(uint32_t site, bool up) = 0;
    /// The classical channel beside a link fails or comes back.
    virtual void SetChannelUp(uint32_t link, bool up) = 0;
    /// Assert that both ends of each link hold the same key.
    virtual void Check() const = 0;
    /// \return streams used
    virtual int64_t AssignStreams(int64_t stream) = 0;
};

} // namespace qntn

#endif // QNTN_QKD_KEY_TRANSPORT_H
