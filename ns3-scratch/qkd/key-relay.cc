// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/key-relay.h"

#include "qkd/qkd-network.h"

#include "ns3/assert.h"
#include "ns3/simulator.h"

using namespace ns3;

namespace qntn
{

KeyRelay::KeyRelay(QkdNetwork& network, const Config& config, Post post)
    : m_network(network), m_config(config), m_post(std::move(post))
{
}

KeyRelay::~KeyRelay()
{
    for (auto& [transfer, work] : m_works)
    {
        work.timeout.Cancel();
    }
}

void
KeyRelay::Start(uint64_t transfer, const KeyPath& path, uint64_t bits)
{
    const auto numHops = static_cast<uint32_t>(path.edges.size());
    Work& work = m_works[transfer];
    work.path = path;
    work.bits = bits;
    work.awaited = m_config.scheme == RelayScheme::Xor ? numHops : 1;
    work.timeout =
        Simulator::Schedule(m_config.timeout, [this, transfer] { End(transfer, false); });
    Hop(transfer, work, 0);
}

void
KeyRelay::Receive(uint32_t site, const KmeMessage& message)
{
    const auto found = m_works.find(message.object);
    if (found == m_works.end())
    {
        return; // its source has given it up
    }
    Work& work = found->second;
    const uint64_t transfer = message.object;
    const auto last = static_cast<uint32_t>(work.path.edges.size());
    NS_ASSERT_MSG(work.path.sites[message.hop] == site, "key relay: a message went astray");
    switch (message.type)
    {
    case KmeMessageType::RelayPad:
        message.hop == last ? Arrive(transfer, work) : Hop(transfer, work, message.hop);
        break;
    case KmeMessageType::RelayStart:
        if (message.hop == last)
        {
            Arrive(transfer, work);
            break;
        }
        Hop(transfer, work, message.hop);
        if (m_works.contains(transfer))
        {
            SendXor(transfer, work, message.hop, message.hop);
        }
        break;
    case KmeMessageType::RelayXor:
        message.hop == last ? Arrive(transfer, work)
                            : SendXor(transfer, work, message.hop, message.origin);
        break;
    case KmeMessageType::RelayDone:
    case KmeMessageType::RelayFail:
        message.hop == 0 ? End(transfer, message.type == KmeMessageType::RelayDone)
                         : SendBack(transfer, work, message.hop, message.type);
        break;
    default:
        NS_ASSERT_MSG(false, "key relay: a message of another kind");
    }
}

uint64_t
KeyRelay::GetNumUnderWay() const
{
    return m_works.size();
}

void
KeyRelay::Hop(uint64_t transfer, Work& work, uint32_t hop)
{
    if (!m_network.PayRelay(transfer, hop) || !PayTag(work, hop))
    {
        SendBack(transfer, work, hop, KmeMessageType::RelayFail);
        return;
    }
    const bool isPad = m_config.scheme == RelayScheme::HopByHop;
    const uint64_t content = (isPad ? work.bits : 0) + m_config.tagBits;
    m_post(work.path.sites[hop],
           work.path.sites[hop + 1],
           {.type = isPad ? KmeMessageType::RelayPad : KmeMessageType::RelayStart,
            .object = transfer,
            .hop = hop + 1,
            .bits = work.bits,
            .payloadBytes = (content + 7) / 8});
}

void
KeyRelay::SendXor(uint64_t transfer, Work& work, uint32_t hop, uint32_t origin)
{
    if (!PayTag(work, hop))
    {
        SendBack(transfer, work, hop, KmeMessageType::RelayFail);
        return;
    }
    m_post(work.path.sites[hop],
           work.path.sites[hop + 1],
           {.type = KmeMessageType::RelayXor,
            .object = transfer,
            .hop = hop + 1,
            .origin = origin,
            .bits = work.bits,
            .payloadBytes = (work.bits + m_config.tagBits + 7) / 8});
}

void
KeyRelay::Arrive(uint64_t transfer, Work& work)
{
    if (--work.awaited == 0)
    {
        SendBack(transfer,
                 work,
                 static_cast<uint32_t>(work.path.edges.size()),
                 KmeMessageType::RelayDone);
    }
}

void
KeyRelay::SendBack(uint64_t transfer, Work& work, uint32_t from, KmeMessageType type)
{
    if (from == 0)
    {
        End(transfer, type == KmeMessageType::RelayDone);
        return;
    }
    if (PayTag(work, from - 1)) // else the source's time-out tells it
    {
        m_post(work.path.sites[from],
               work.path.sites[from - 1],
               {.type = type,
                .object = transfer,
                .hop = from - 1,
                .bits = work.bits,
                .payloadBytes = (m_config.tagBits + 7) / 8});
    }
}

void
KeyRelay::End(uint64_t transfer, bool delivered)
{
    const auto found = m_works.find(transfer);
    found->second.timeout.Cancel();
    m_works.erase(found);
    m_network.EndRelay(transfer, delivered);
}

bool
KeyRelay::PayTag(const Work& work, uint32_t hop)
{
    return m_network.PayTag(work.path.edges[hop], m_config.tagBits);
}

} // namespace qntn
