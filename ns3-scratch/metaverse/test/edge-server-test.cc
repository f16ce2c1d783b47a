// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/edge-server.h"

#include "ns3/double.h"
#include "ns3/random-variable-stream.h"
#include "ns3/simulator.h"

#include <array>
#include <doctest/doctest.h>

using namespace ns3;
using namespace qntn;

namespace
{

/// Feeds one class of a server with jobs of equal work that come as a Poisson process.
class Feed
{
  public:
    Feed(double cores, std::vector<double> shares, double jobsPerSecond, Time work, Time patience)
        : m_server(CreateObjectWithAttributes<EdgeServer>("Cores", DoubleValue(cores))),
          m_gap(CreateObject<ExponentialRandomVariable>()),
          m_jobsPerSecond(jobsPerSecond),
          m_work(work),
          m_patience(patience)
    {
        m_gap->SetStream(7);
        m_server->SetNumClasses(shares.size());
        m_server->SetShares(shares);
        m_server->SetDoneCallback(MakeCallback(&Feed::Done, this));
        Simulator::Schedule(Seconds(0), &Feed::Arrive, this);
    }

    void Arrive()
    {
        const Time now = Simulator::Now();
        m_server->Submit(0, {0, now, m_work, now + m_patience, now + 2 * m_patience});
        ++submitted;
        Simulator::Schedule(Seconds(m_gap->GetValue(1 / m_jobsPerSecond, 0)), &Feed::Arrive, this);
    }

    void Done(const EdgeServer::Job& job, bool isRendered)
    {
        isRendered ? ++rendered : ++expired;
        totalDelay += isRendered ? Simulator::Now() - job.created : Time(0);
    }

    EdgeServer& GetServer()
    {
        return *m_server;
    }

    uint64_t submitted{0};
    uint64_t rendered{0};
    uint64_t expired{0};
    Time totalDelay{0};

  private:
    Ptr<EdgeServer> m_server;
    Ptr<ExponentialRandomVariable> m_gap;
    double m_jobsPerSecond;
    Time m_work;
    Time m_patience;
};

void
RunFor(Time duration)
{
    Simulator::Stop(duration);
    Simulator::Run();
}

} // namespace

TEST_CASE("a class of the edge server is an M/D/1 queue")
{
    // 0.5 of 2 cores: 1 ms of work takes 1 ms; at 700 jobs a second the load is 0.7.
    Feed feed(2, {0.5, 0.5}, 700, MilliSeconds(1), Seconds(100));
    RunFor(Seconds(400));
    const double load = 0.7;
    const double mean_ms = 1 + load / (2 * (1 - load)); // Pollaczek-Khinchine
    CHECK(feed.totalDelay.GetSeconds() * 1e3 / static_cast<double>(feed.rendered) ==
          doctest::Approx(mean_ms).epsilon(0.05));
    CHECK(feed.submitted == feed.rendered + feed.expired + feed.GetServer().GetNumJobs(0));
    const auto report = feed.GetServer().TakeReport(0);
    CHECK(report.jobs == feed.submitted);
    CHECK(report.submitted == MilliSeconds(static_cast<int64_t>(feed.submitted)));
    CHECK((report.rendered + feed.GetServer().GetBacklog(0) - report.submitted).GetSeconds() ==
          doctest::Approx(0).epsilon(1e-6));
    Simulator::Destroy();
}

TEST_CASE("shares bind: an overloaded class does its share and throws the rest away")
{
    // 0.25 of 4 cores do 1000 of the 2000 jobs a second, the other classes' cores stay idle.
    Feed feed(4, {0.25, 0.75}, 2000, MilliSeconds(1), MilliSeconds(20));
    RunFor(Seconds(20));
    CHECK(feed.rendered / 20.0 == doctest::Approx(1000).epsilon(0.01));
    CHECK(feed.expired / 20.0 == doctest::Approx(1000).epsilon(0.05));
    CHECK(feed.totalDelay.GetSeconds() / static_cast<double>(feed.rendered) < 0.0215);
    CHECK(feed.submitted == feed.rendered + feed.expired + feed.GetServer().GetNumJobs(0));
    Simulator::Destroy();
}

TEST_CASE("a change of shares takes effect within the job under way")
{
    auto server = CreateObjectWithAttributes<EdgeServer>("Cores", DoubleValue(1));
    server->SetNumClasses(2);
    server->SetShares(std::array{1.0, 0.0});
    Time done;
    server->SetDoneCallback(Callback<void, const EdgeServer::Job&, bool>(
        [&done](const EdgeServer::Job&, bool) { done = Simulator::Now(); }));
    server->Submit(0, {0, Seconds(0), MilliSeconds(10), Seconds(1), Seconds(1)});
    Simulator::Schedule(MilliSeconds(4), [&] { server->SetShares(std::array{0.0, 1.0}); });
    Simulator::Schedule(MilliSeconds(5), [&] { CHECK(server->GetBacklog(0) == MilliSeconds(6)); });
    Simulator::Schedule(MilliSeconds(8), [&] { server->SetShares(std::array{0.5, 0.5}); });
    Simulator::Run();
    CHECK(done == MilliSeconds(20)); // 4 ms alone, 4 ms idle, 6 ms of work at half speed
    Simulator::Destroy();
}

TEST_CASE("a class without cores loses its jobs")
{
    Feed feed(4, {0.0, 1.0}, 2000, MilliSeconds(1), MilliSeconds(20));
    RunFor(Seconds(20));
    CHECK(feed.rendered == 0);
    CHECK(feed.expired == feed.submitted);
    CHECK(feed.GetServer().GetNumJobs(0) == 0);
    Simulator::Destroy();
}

TEST_CASE("a job whose class loses its cores is thrown away at its deadline")
{
    auto server = CreateObjectWithAttributes<EdgeServer>("Cores", DoubleValue(1));
    server->SetNumClasses(2);
    server->SetShares(std::array{1.0, 0.0});
    Time done;
    bool isRendered = true;
    server->SetDoneCallback(Callback<void, const EdgeServer::Job&, bool>(
        [&](const EdgeServer::Job&, bool rendered)
        {
            done = Simulator::Now();
            isRendered = rendered;
        }));
    server->Submit(0, {0, Seconds(0), MilliSeconds(10), MilliSeconds(7), MilliSeconds(15)});
    Simulator::Schedule(MilliSeconds(4), [&] { server->SetShares(std::array{0.1, 0.9}); });
    Simulator::Run();
    CHECK(done == MilliSeconds(15));
    CHECK(!isRendered);
    const auto report = server->TakeReport(0);
    CHECK(report.expiredJobs == 1);
    CHECK(report.rendered.GetSeconds() == doctest::Approx(0.0051)); // 4 ms alone, 11 ms at a tenth
    CHECK(server->GetBacklog(0) == Time(0));
    Simulator::Destroy();
}
