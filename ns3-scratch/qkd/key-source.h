// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_KEY_SOURCE_H
#define QNTN_QKD_KEY_SOURCE_H

#include "qkd/qkd-network.h"

#include "ns3/object.h"

namespace qntn
{

/// Where the applications of a relation get key.
class KeySource : public ns3::Object
{
  public:
    static ns3::TypeId GetTypeId();

    /// See KeyQueue.
    virtual bool TryTakeKey(uint64_t bits) = 0;
    virtual void RequestKey(uint64_t bits, ns3::Time deadline, KeyQueue::KeyCallback done) = 0;
};

/// The relation's pool itself, at once and without messages.
class PoolSource : public KeySource
{
  public:
    static ns3::TypeId GetTypeId();

    void Configure(ns3::Ptr<QkdNetwork> network, uint32_t relation);
    bool TryTakeKey(uint64_t bits) override;
    void RequestKey(uint64_t bits, ns3::Time deadline, KeyQueue::KeyCallback done) override;

  protected:
    void DoDispose() override;

  private:
    ns3::Ptr<QkdNetwork> m_network;
    uint32_t m_relation{0};
};

} // namespace qntn

#endif // QNTN_QKD_KEY_SOURCE_H
