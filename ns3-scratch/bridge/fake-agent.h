// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_FAKE_AGENT_H
#define QNTN_BRIDGE_FAKE_AGENT_H

#include "bridge/transport.h"

#include <cstdint>
#include <map>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

namespace qntn
{

/// What a FakeAgent decides by.
enum class FakePolicy : uint8_t
{
    EQUAL,  ///< equal shares, default choices, the middle of a box
    RANDOM, ///< anything that the masks allow
    REPLAY, ///< the actions of a recording; EQUAL where it has none yet
};

/// Plays Python's part within the scenario's own process: gives it its parameters, and decides at
/// each step. For C++ tests of scenarios, and for gdb, valgrind and perf.
///
///     auto agent = std::make_unique<qntn::FakeAgent>(FakePolicy::RANDOM, 1, parameters);
///     qntn::Bridge bridge(std::move(agent));
///
/// On the command line of any scenario program (see MakeFakeAgent):
///
///     ./tiny --qntn-fake=random --qntn-seed=2 --qntn-csv=run.csv --num_steps=50
class FakeAgent : public Transport
{
  public:
    using Parameters = std::map<std::string, std::variant<double, std::string>>;
    /// Step, role, agent, field and element of a decision.
    using Decision = std::tuple<uint64_t, std::string, uint32_t, std::string, uint32_t>;

    /// \param seed of the episode, and of random decisions
    FakeAgent(FakePolicy policy, uint64_t seed, Parameters parameters);

    /// Writes each state and each action as rows
    /// `step,time_s,kind,role,agent,field,index,value`; only the agents' own fields have an agent.
    void SetCsv(std::unique_ptr<std::ostream> csv);
    /// Takes the actions of such a file; each holds until the next one of the same field.
    void SetReplay(std::istream& csv);

    /// What the scenario said of itself.
    const wire::Hello& GetHello() const;
    uint64_t GetNumStates() const;
    /// RUNNING until the last state has come.
    wire::Status GetStatus() const;
    /// A metric of the last state.
    /// \throws std::out_of_range if there is none of that name
    double GetMetric(const std::string& name) const;

    void Send(const wire::Control& message) override;
    wire::Control Receive() override;
    void Flush() override;
    uint32_t Open(const wire::Start& start) override;
    uint8_t* GetStateBlock(uint32_t buffer) override;
    const uint8_t* GetActionBlock() const override;
    void Publish(wire::Status status, int64_t timeNs) override;
    Answer Await() override;

  private:
    wire::Start LayOut();
    void Decide(const wire::Role& role, uint32_t agent, const uint8_t* mask, float* action);
    double Uniform();
    void WriteFields(const google::protobuf::RepeatedPtrField<wire::Field>& fields,
                     const char* kind,
                     const std::string& role,
                     uint32_t agent,
                     const void* values,
                     bool isDouble);
    void WriteRow(const char* kind,
                  const std::string& role,
                  const std::string& agent,
                  const std::string& field,
                  uint32_t index,
                  double value);

    FakePolicy m_policy;
    uint64_t m_seed;
    Parameters m_parameters;
    std::mt19937_64 m_generator;
    std::unique_ptr<std::ostream> m_csv;
    std::map<Decision, float> m_replay;
    wire::Hello m_hello;
    wire::Start m_start;
    bool m_configured{false};
    // of doubles, for their alignment
    std::vector<double> m_state;
    std::vector<double> m_action;
    uint64_t m_numStates{0};
    int64_t m_timeNs{0};
    wire::Status m_status{wire::RUNNING};
};

/// The fake agent that the command line asks for, or nothing:
/// `--qntn-fake=equal|random|FILE` (FILE: a recording to replay), `--qntn-seed=N`,
/// `--qntn-params=FILE` (the scenario's .toml, else found beside the program),
/// `--qntn-csv=FILE` (`-` for stdout) and `--NAME=VALUE` for parameters.
std::unique_ptr<Transport> MakeFakeAgent(int argc, char* argv[]);

} // namespace qntn

#endif // QNTN_BRIDGE_FAKE_AGENT_H
