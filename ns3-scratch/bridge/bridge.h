// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_BRIDGE_H
#define QNTN_BRIDGE_BRIDGE_H

#include "bridge/role.h"

#include "ns3/nstime.h"

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace qntn
{

class Transport;
struct Session;

/// How an episode ended.
enum class End : uint8_t
{
    TERMINATED, ///< the task itself is over
    TRUNCATED,  ///< only the clock ran out: learners bootstrap from the last state
};

/// What metrics the scenario reports: one number each, for the whole environment.
class Metric
{
  public:
    double& operator()() const;

  private:
    friend class Bridge;
    Metric(double* const* metrics, uint32_t index);
    double* const* m_metrics;
    uint32_t m_index;
};

/// The simulator's half of the co-simulation: a scenario describes itself, then exchanges one state
/// for one set of actions each step.
///
///     qntn::Bridge bridge(argc, argv);
///     auto numUes = bridge.Parameter<uint32_t>("num_ues", 1, 60, "1", "users");
///     auto& cell = bridge.AddRole("cell", 3, 1, "decides ...");
///     auto queue = cell.Observe("queue_bytes", 1, 0, 1e9, "bytes", "...");
///     auto share = cell.Simplex("prb_share_ratio", 2, "...");
///     bridge.Open();
///     ... each step: queue(0) = 1500; bridge.Step(); use share(0, 1); at the end:
///     bridge.Finish(...)
///
/// Whatever goes wrong in here ends the process with a message that Python shows; when Python is
/// gone the process ends by itself.
class Bridge
{
  public:
    /// Connects to Python as the command line tells, and takes the seed into RngSeedManager.
    Bridge(int argc, char* argv[]);
    /// The same over a transport that is there already.
    explicit Bridge(std::unique_ptr<Transport> transport);
    ~Bridge();
    Bridge(const Bridge&) = delete;
    Bridge& operator=(const Bridge&) = delete;

    /// A number that the user may set, in [low, high]. Its value is in the scenario's parameter
    /// file.
    template <typename T>
        requires std::integral<T> || std::floating_point<T>
    T Parameter(const std::string& name,
                double low,
                double high,
                const std::string& unit,
                const std::string& help)
    {
        return static_cast<T>(NumberParameter(name, low, high, unit, help, std::integral<T>));
    }

    /// A text that the user may set; \p choices empty means any text.
    std::string TextParameter(const std::string& name,
                              const std::vector<std::string>& choices,
                              const std::string& help);

    /// Ends the program because the user's values do not go together; Python raises it as a
    /// ParameterError. Before Open.
    [[noreturn]] void Refuse(const std::string& message);

    /// A kind of agent that acts every \p period steps. The reference stays valid.
    /// \p carryOver false: the scenario writes every observation at each step, so that old values
    /// need not be kept (saves a copy where observations are large).
    Role& AddRole(const std::string& name,
                  uint32_t numAgents,
                  uint32_t period,
                  const std::string& help,
                  bool carryOver = true);

    /// One number for the whole environment.
    qntn::Metric Metric(const std::string& name, const std::string& unit, const std::string& help);

    /// Something on the map at the start of the episode, metres east and north; \p kind chooses its
    /// symbol ("gnb", "ue"). This and the next three are for pictures only.
    void AddPlace(const std::string& name, const std::string& kind, double xM, double yM);
    /// Where something goes over the ground: x and y of each point.
    void AddTrack(const std::string& name, const std::vector<std::pair<double, double>>& pointsM);
    /// A site of the key network; \p kind is "endpoint" or "relay".
    void AddSite(const std::string& name, const std::string& kind);
    /// A quantum link between two sites.
    void AddSpan(const std::string& siteA, const std::string& siteB, double lengthKm);

    /// How much simulated time a step takes.
    void SetStep(ns3::Time step);
    ns3::Time GetStep() const;

    /// Sends the description and waits until Python has laid out the arrays. Handles work from here
    /// on.
    void Open();

    /// Publishes the state at Simulator::Now() and returns when the actions are there.
    void Step();

    /// Publishes the last state of the episode. Stops the simulator; the program then ends by
    /// itself.
    void Finish(End end);

    /// How many states have been answered.
    uint64_t GetNumSteps() const;
    /// The seed of this episode.
    uint64_t GetSeed() const;
    /// A file of the data folder that travels with the scenario programs.
    std::string DataPath(const std::string& relative) const;

  private:
    double NumberParameter(const std::string& name,
                           double low,
                           double high,
                           const std::string& unit,
                           const std::string& help,
                           bool integer);
    void CheckUnknownParameters() const;
    void PointAt(uint32_t buffer);
    void BeginState(uint32_t buffer);
    void PublishActs();

    std::string m_scenario;
    std::string m_programFolder;
    std::unique_ptr<Transport> m_transport;
    std::unique_ptr<Session> m_session; ///< messages, kept out of this header
    std::vector<std::unique_ptr<Role>> m_roles;
    std::vector<FieldInfo> m_metricInfos;
    double* m_metrics{nullptr};
    ns3::Time m_step;
    uint64_t m_numSteps{0};
    uint32_t m_buffer{0};
    bool m_open{false};
    bool m_finished{false};
};

} // namespace qntn

#endif // QNTN_BRIDGE_BRIDGE_H
