// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/service-monitor.h"

#include "ns3/assert.h"

#include <utility>

using namespace ns3;

namespace qntn
{

uint64_t
ServiceReport::GetLost(LossCause cause) const
{
    return lostBursts.at(static_cast<size_t>(cause));
}

double
ServiceReport::GetSatisfiedRatio() const
{
    return endedBursts == 0
               ? 1
               : static_cast<double>(satisfiedBursts) / static_cast<double>(endedBursts);
}

double
ServiceReport::GetQualityRatio() const
{
    return endedBursts == 0 ? 1 : quality / static_cast<double>(endedBursts);
}

double
ServiceReport::GetLostRatio(LossCause cause) const
{
    return endedBursts == 0
               ? 0
               : static_cast<double>(GetLost(cause)) / static_cast<double>(endedBursts);
}

double
ServiceReport::GetPadRatio() const
{
    return endedBursts == 0 ? 0 : static_cast<double>(padBursts) / static_cast<double>(endedBursts);
}

ServiceReport&
ServiceReport::operator+=(const ServiceReport& other)
{
    offeredBursts += other.offeredBursts;
    offeredBytes += other.offeredBytes;
    endedBursts += other.endedBursts;
    satisfiedBursts += other.satisfiedBursts;
    satisfiedBytes += other.satisfiedBytes;
    padBursts += other.padBursts;
    quality += other.quality;
    for (size_t cause = 0; cause < lostBursts.size(); ++cause)
    {
        lostBursts[cause] += other.lostBursts[cause];
    }
    return *this;
}

ServiceMonitor::ServiceMonitor(uint32_t numProviders, uint32_t numCells, uint32_t numSlices)
    : m_numProviders(numProviders),
      m_numCells(numCells),
      m_numSlices(numSlices),
      m_current(numProviders * numCells * numSlices),
      m_last(m_current.size()),
      m_currentDelays(numSlices),
      m_lastDelays(numSlices),
      m_users(numSlices)
{
}

uint32_t
ServiceMonitor::GetIndex(uint32_t provider, uint32_t cell, uint32_t slice) const
{
    NS_ASSERT_MSG(provider < m_numProviders && cell < m_numCells && slice < m_numSlices,
                  "no such group: provider " << provider << ", cell " << cell << ", slice "
                                             << slice);
    return (provider * m_numCells + cell) * m_numSlices + slice;
}

void
ServiceMonitor::Offered(const Group& group, uint32_t bytes)
{
    auto& report = m_current[GetIndex(group.provider, group.cell, group.slice)];
    ++report.offeredBursts;
    report.offeredBytes += bytes;
}

void
ServiceMonitor::Satisfied(const Group& group, uint32_t bytes, Time delay, double quality, bool pad)
{
    auto& report = m_current[GetIndex(group.provider, group.cell, group.slice)];
    ++report.endedBursts;
    ++report.satisfiedBursts;
    report.satisfiedBytes += bytes;
    report.padBursts += pad;
    report.quality += quality;
    m_currentDelays[group.slice].Add(delay.GetSeconds());
    m_users.Count(group.slice, group.user, true);
}

void
ServiceMonitor::Lost(const Group& group, LossCause cause)
{
    auto& report = m_current[GetIndex(group.provider, group.cell, group.slice)];
    ++report.endedBursts;
    ++report.lostBursts.at(static_cast<size_t>(cause));
    m_users.Count(group.slice, group.user, false);
}

void
ServiceMonitor::Roll()
{
    std::swap(m_current, m_last);
    std::swap(m_currentDelays, m_lastDelays);
    m_current.assign(m_last.size(), {});
    for (auto& delays : m_currentDelays)
    {
        delays.Clear();
    }
    m_users.Roll();
}

ServiceReport
ServiceMonitor::Get(std::optional<uint32_t> provider,
                    std::optional<uint32_t> cell,
                    std::optional<uint32_t> slice) const
{
    ServiceReport sum;
    for (uint32_t p = provider.value_or(0); p < (provider ? *provider + 1 : m_numProviders); ++p)
    {
        for (uint32_t c = cell.value_or(0); c < (cell ? *cell + 1 : m_numCells); ++c)
        {
            for (uint32_t s = slice.value_or(0); s < (slice ? *slice + 1 : m_numSlices); ++s)
            {
                sum += m_last[GetIndex(p, c, s)];
            }
        }
    }
    return sum;
}

Time
ServiceMonitor::GetDelayQuantile(uint32_t slice, double ratio) const
{
    return Seconds(m_lastDelays.at(slice).GetQuantileS(ratio));
}

double
ServiceMonitor::GetSatisfiedUsersRatio(uint32_t slice) const
{
    return m_users.GetRatio(slice);
}

} // namespace qntn
