// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/key-source.h"

using namespace ns3;

namespace qntn
{

NS_OBJECT_ENSURE_REGISTERED(KeySource);
NS_OBJECT_ENSURE_REGISTERED(PoolSource);

TypeId
KeySource::GetTypeId()
{
    static TypeId tid = TypeId("qntn::KeySource").SetParent<Object>().SetGroupName("Qntn");
    return tid;
}

TypeId
PoolSource::GetTypeId()
{
    static TypeId tid = TypeId("qntn::PoolSource")
                            .SetParent<KeySource>()
                            .SetGroupName("Qntn")
                            .AddConstructor<PoolSource>();
    return tid;
}

void
PoolSource::Configure(Ptr<QkdNetwork> network, uint32_t relation)
{
    m_network = network;
    m_relation = relation;
}

bool
PoolSource::TryTakeKey(uint64_t bits)
{
    return m_network->TryTakeKey(m_relation, bits);
}

void
PoolSource::RequestKey(uint64_t bits, Time deadline, KeyQueue::KeyCallback done)
{
    m_network->RequestKey(m_relation, bits, deadline, done);
}

void
PoolSource::DoDispose()
{
    m_network = nullptr;
    KeySource::DoDispose();
}

} // namespace qntn
