// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/post-processing.h"

#include "qkd/qkd-network.h"

#include "ns3/assert.h"
#include "ns3/simulator.h"

#include <algorithm>
#include <cmath>

using namespace ns3;

namespace qntn
{

namespace
{

constexpr uint64_t HASH_BITS = 64;
const Time FIRST_PAUSE = Seconds(1);
const Time LONGEST_PAUSE = Seconds(64);

/// Finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit moves every output bit.
uint64_t
Mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

/// Bits that tell the place of one detection among the pulses since the last: entropy of the
/// detection pattern, one detection's part.
double
PositionBits(const SiftedBlock& block)
{
    const double p = static_cast<double>(block.detections) /
                     static_cast<double>(std::max(block.pulses, block.detections + 1));
    return BinaryEntropy(p) / p;
}

} // namespace

void
EndRegister::Append(uint64_t block, uint64_t secretBits, uint64_t hash)
{
    ++blocks;
    bits += secretBits;
    digest = Mix(digest ^ Mix(block) ^ Mix(secretBits + 1) ^ hash);
}

PostProcessing::PostProcessing(QkdNetwork& network, uint32_t link, const Config& config, Post post)
    : m_network(network),
      m_link(link),
      m_config(config),
      m_post(std::move(post)),
      m_siteA(network.GetLink(link).GetConfig().siteA),
      m_siteB(network.GetLink(link).GetConfig().siteB),
      m_uniform(CreateObject<UniformRandomVariable>())
{
}

void
PostProcessing::Start(const SiftedBlock& block)
{
    if (m_works.size() >= m_config.maxUnderWay || block.detections == 0 ||
        Simulator::Now() < m_resumeAt)
    {
        m_network.AbortBlock(m_link);
        return;
    }
    const Work& work = m_works.insert({block.id, {.block = block}}).first->second;
    const auto detections = static_cast<double>(block.detections);
    Send(m_siteB,
         KmeMessageType::Detections,
         work,
         static_cast<uint64_t>(detections * (1 + PositionBits(block))));
}

void
PostProcessing::Receive(uint32_t site, const KmeMessage& message)
{
    m_pause = Time(0);
    m_resumeAt = Time(0);
    const auto found = m_works.find(message.object);
    if (found == m_works.end())
    {
        return; // given up meanwhile
    }
    Work& work = found->second;
    const SiftedBlock& block = work.block;
    using Type = KmeMessageType;
    switch (message.type)
    {
    case Type::Detections:
        // A tells for each detection whether the bases agree and which of three intensities it was.
        Send(site, Type::Bases, work, 3 * block.detections + block.leakBits);
        break;
    case Type::Bases:
        work.corrected = m_uniform->GetValue() >= m_config.failureRatio;
        Send(site, Type::Verify, work, HASH_BITS, Hash(work, true, 1));
        break;
    case Type::Verify:
        if (message.hash != Hash(work, false, 1))
        {
            ++m_mismatches;
            Send(site, Type::Discard, work, 0);
        }
        else if (block.secretBits == 0)
        {
            Send(site, Type::Discard, work, 0);
        }
        else
        {
            work.hash[0] = Hash(work, false, message.bits);
            // Toeplitz matrix: one bit less than its rows and columns together.
            Send(site, Type::Seed, work, block.siftedBits + block.secretBits - 1);
        }
        break;
    case Type::Seed:
        work.hash[1] = Hash(work, true, message.bits);
        Send(site, Type::Confirm, work, HASH_BITS, work.hash[1]);
        break;
    case Type::Confirm:
        if (message.hash == work.hash[0])
        {
            Send(site, Type::Ready, work, HASH_BITS, work.hash[0]);
        }
        else
        {
            ++m_mismatches;
            Send(site, Type::Discard, work, 0);
        }
        break;
    case Type::Ready:
    {
        m_ends[0].Append(block.id, block.secretBits, message.hash);
        m_ends[1].Append(message.object, message.bits, work.hash[1]);
        const uint64_t bits = block.secretBits;
        m_works.erase(found);
        m_network.StoreBlock(m_link, bits);
        break;
    }
    case Type::Discard:
        Abandon(message.object);
        break;
    default:
        NS_ASSERT_MSG(false, "post-processing: a message of another kind");
    }
}

void
PostProcessing::Lose(const KmeMessage& message)
{
    Abandon(message.object);
    if (Simulator::Now() >= m_resumeAt) // not for each of the blocks that were under way together
    {
        m_pause = Min(Max(m_pause * 2, FIRST_PAUSE), LONGEST_PAUSE);
        m_resumeAt = Simulator::Now() + m_pause;
    }
}

void
PostProcessing::LoseAll()
{
    while (!m_works.empty())
    {
        Abandon(m_works.begin()->first);
    }
}

void
PostProcessing::Check() const
{
    NS_ASSERT_MSG(m_ends[0] == m_ends[1],
                  "link " << m_network.GetLink(m_link).GetPool().GetName()
                          << ": its ends hold different key");
}

uint64_t
PostProcessing::GetNumUnderWay() const
{
    return m_works.size();
}

uint64_t
PostProcessing::GetNumMismatches() const
{
    return m_mismatches;
}

int64_t
PostProcessing::AssignStreams(int64_t stream)
{
    m_uniform->SetStream(stream);
    return 1;
}

bool
PostProcessing::Send(
    uint32_t from, KmeMessageType type, const Work& work, uint64_t contentBits, uint64_t hash)
{
    const uint64_t block = work.block.id;
    if (!m_network.PayTag(m_link, m_config.tagBits))
    {
        Abandon(block);
        return false;
    }
    m_post(from,
           from == m_siteA ? m_siteB : m_siteA,
           {.type = type,
            .link = m_link,
            .object = block,
            .bits = work.block.secretBits,
            .hash = hash,
            .payloadBytes = (contentBits + m_config.tagBits + 7) / 8});
    return true;
}

void
PostProcessing::Abandon(uint64_t block)
{
    if (m_works.erase(block) > 0)
    {
        m_network.AbortBlock(m_link);
    }
}

uint64_t
PostProcessing::Hash(const Work& work, bool atReceiver, uint64_t salt) const
{
    const uint64_t residue = atReceiver && !work.corrected ? 1 : 0;
    return Mix(Mix(work.block.id) ^ Mix(work.block.siftedBits + residue) ^ Mix(salt));
}

} // namespace qntn
