// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_EDGE_SERVER_H
#define QNTN_METAVERSE_EDGE_SERVER_H

#include "ns3/callback.h"
#include "ns3/event-id.h"
#include "ns3/nstime.h"
#include "ns3/object.h"

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace qntn
{

/// A provider's edge server: bursts are rendered here before they leave.
///
/// The cores are divided between classes of work by shares that bind: a class does not get what
/// another leaves idle. Within a class jobs are served one by one in order of arrival by all of the
/// class's cores together. A job is thrown away when its turn comes if it has waited for
/// too long or cannot be done by its deadline, and at its deadline if its class loses its cores
/// meanwhile: a class without cores loses its jobs and does not merely keep them.
class EdgeServer : public ns3::Object
{
  public:
    static ns3::TypeId GetTypeId();

    /// Work on a burst of a flow; flow and created tell which one.
    struct Job
    {
        uint32_t flow;
        ns3::Time created;
        ns3::Time work;    ///< that one core needs
        ns3::Time beginBy; ///< it is not begun later
        ns3::Time deadline;
    };

    using DoneCallback = ns3::Callback<void, const Job&, bool /*rendered*/>;
    /// Receives each job when it is rendered or thrown away.
    void SetDoneCallback(DoneCallback done);
    /// Before the first Submit. Each class gets the same share until SetShares.
    void SetNumClasses(uint32_t numClasses);
    /// A class's part of the cores; >= 0, together at most 1.
    void SetShares(std::span<const double> shares);
    void Submit(uint32_t cls, const Job& job);

    double GetNumCores() const;
    uint32_t GetNumJobs(uint32_t cls) const;
    /// Work that waits or is under way, for one core.
    ns3::Time GetBacklog(uint32_t cls) const;

    /// What has happened to a class since the last report.
    struct Report
    {
        ns3::Time submitted{0}; ///< work that arrived
        ns3::Time rendered{0};  ///< work that was done
        uint64_t jobs{0};
        uint64_t expiredJobs{0};
    };

    Report TakeReport(uint32_t cls);

  protected:
    void DoDispose() override;

  private:
    struct Class
    {
        std::deque<Job> jobs; ///< the first one is under way if it has begun
        ns3::Time waiting{0}; ///< work of all jobs, the one under way in full
        double cores{0};
        bool begun{false};
        ns3::Time left{0}; ///< of the job under way, at since
        ns3::Time since{0};
        ns3::EventId finish;
        Report report;
    };

    void Begin(uint32_t cls);
    void Finish(uint32_t cls);
    /// Whether so much work on the first job is done by its deadline at the present speed.
    static bool IsInTime(const Class& c, ns3::Time work);
    /// Removes the first job, done or not.
    static Job TakeFirst(Class& c);
    /// Throws the first job away.
    void Expire(uint32_t cls);
    /// At the deadline of the job under way.
    void Abandon(uint32_t cls);
    /// The end of the job under way, or its deadline if that is earlier.
    void ScheduleFinish(uint32_t cls);
    /// Brings the job under way up to now.
    void Advance(Class& c) const;

    double m_cores;
    std::vector<Class> m_classes;
    DoneCallback m_done;
};

} // namespace qntn

#endif // QNTN_METAVERSE_EDGE_SERVER_H
