// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/edge-server.h"

#include "ns3/double.h"
#include "ns3/simulator.h"

#include <algorithm>
#include <numeric>
#include <utility>

using namespace ns3;

namespace qntn
{

namespace
{
/// Shares are float32 on the wire.
constexpr double SHARE_ROUNDING = 1e-5;

Time
Scale(Time time, double factor)
{
    return NanoSeconds(static_cast<int64_t>(static_cast<double>(time.GetNanoSeconds()) * factor));
}
} // namespace

NS_OBJECT_ENSURE_REGISTERED(EdgeServer);

TypeId
EdgeServer::GetTypeId()
{
    static TypeId tid =
        TypeId("qntn::EdgeServer")
            .SetParent<Object>()
            .SetGroupName("Metaverse")
            .AddConstructor<EdgeServer>()
            .AddAttribute("Cores",
                          "Cores of the server; the work of jobs is in time on one core.",
                          DoubleValue(4),
                          MakeDoubleAccessor(&EdgeServer::m_cores),
                          MakeDoubleChecker<double>(1e-3, 1e5));
    return tid;
}

void
EdgeServer::SetDoneCallback(DoneCallback done)
{
    m_done = done;
}

void
EdgeServer::SetNumClasses(uint32_t numClasses)
{
    NS_ABORT_MSG_IF(numClasses == 0, "EdgeServer::SetNumClasses: expected at least one class");
    NS_ABORT_MSG_IF(!m_classes.empty(), "EdgeServer::SetNumClasses is called twice");
    m_classes.resize(numClasses);
    SetShares(std::vector<double>(numClasses, 1.0 / numClasses));
}

void
EdgeServer::SetShares(std::span<const double> shares)
{
    NS_ABORT_MSG_IF(shares.size() != m_classes.size(),
                    "EdgeServer::SetShares: found " << shares.size()
                                                    << " shares, expected one for each of the "
                                                    << m_classes.size() << " classes");
    const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    NS_ABORT_MSG_IF(sum > 1 + SHARE_ROUNDING || *std::ranges::min_element(shares) < 0,
                    "EdgeServer::SetShares: shares sum to "
                        << sum << ", expected numbers >= 0 and at most 1");
    for (uint32_t cls = 0; cls < m_classes.size(); ++cls)
    {
        auto& c = m_classes[cls];
        Advance(c);
        c.cores = m_cores * shares[cls];
        if (c.begun)
        {
            ScheduleFinish(cls);
        }
        else if (!c.jobs.empty())
        {
            Begin(cls);
        }
    }
}

void
EdgeServer::Submit(uint32_t cls, const Job& job)
{
    NS_ASSERT_MSG(cls < m_classes.size(), "class " << cls << " of " << m_classes.size());
    NS_ASSERT_MSG(!m_done.IsNull(), "EdgeServer: call SetDoneCallback before Submit");
    auto& c = m_classes[cls];
    c.jobs.push_back(job);
    c.waiting += job.work;
    c.report.submitted += job.work;
    ++c.report.jobs;
    if (!c.begun)
    {
        Begin(cls);
    }
}

void
EdgeServer::Begin(uint32_t cls)
{
    auto& c = m_classes[cls];
    while (!c.begun && !c.jobs.empty() &&
           (c.jobs.front().beginBy <= Simulator::Now() || !IsInTime(c, c.jobs.front().work)))
    {
        Expire(cls);
    }
    if (c.begun || c.jobs.empty())
    {
        return;
    }
    c.begun = true;
    c.left = c.jobs.front().work;
    c.since = Simulator::Now();
    ScheduleFinish(cls);
}

bool
EdgeServer::IsInTime(const Class& c, Time work)
{
    const Time room = c.jobs.front().deadline - Simulator::Now();
    return c.cores > 0 && room > Time(0) && work.GetSeconds() <= room.GetSeconds() * c.cores;
}

EdgeServer::Job
EdgeServer::TakeFirst(Class& c)
{
    const Job job = c.jobs.front();
    c.jobs.pop_front();
    c.waiting -= job.work;
    c.begun = false;
    return job;
}

void
EdgeServer::Expire(uint32_t cls)
{
    auto& c = m_classes[cls];
    ++c.report.expiredJobs;
    m_done(TakeFirst(c), false);
}

void
EdgeServer::ScheduleFinish(uint32_t cls)
{
    auto& c = m_classes[cls];
    c.finish.Cancel();
    if (IsInTime(c, c.left))
    {
        c.finish = Simulator::Schedule(Scale(c.left, 1 / c.cores), &EdgeServer::Finish, this, cls);
    }
    else
    {
        const Time room = c.jobs.front().deadline - Simulator::Now();
        c.finish = Simulator::Schedule(Max(room, Time(0)), &EdgeServer::Abandon, this, cls);
    }
}

void
EdgeServer::Abandon(uint32_t cls)
{
    Advance(m_classes[cls]);
    Expire(cls);
    if (!m_classes[cls].begun)
    {
        Begin(cls);
    }
}

void
EdgeServer::Finish(uint32_t cls)
{
    auto& c = m_classes[cls];
    c.report.rendered += c.left;
    m_done(TakeFirst(c), true);
    if (!c.begun)
    {
        Begin(cls);
    }
}

void
EdgeServer::Advance(Class& c) const
{
    const Time now = Simulator::Now();
    if (c.begun)
    {
        const Time done = std::min(c.left, Scale(now - c.since, c.cores));
        c.left -= done;
        c.report.rendered += done;
    }
    c.since = now;
}

double
EdgeServer::GetNumCores() const
{
    return m_cores;
}

uint32_t
EdgeServer::GetNumJobs(uint32_t cls) const
{
    return m_classes.at(cls).jobs.size();
}

Time
EdgeServer::GetBacklog(uint32_t cls) const
{
    const auto& c = m_classes.at(cls);
    if (!c.begun)
    {
        return c.waiting;
    }
    const Time done = std::min(c.left, Scale(Simulator::Now() - c.since, c.cores));
    return c.waiting - c.jobs.front().work + c.left - done;
}

EdgeServer::Report
EdgeServer::TakeReport(uint32_t cls)
{
    auto& c = m_classes.at(cls);
    Advance(c);
    return std::exchange(c.report, {});
}

void
EdgeServer::DoDispose()
{
    for (auto& c : m_classes)
    {
        c.finish.Cancel();
    }
    m_classes.clear();
    m_done.Nullify();
    Object::DoDispose();
}

} // namespace qntn
