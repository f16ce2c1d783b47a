// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/bridge.h"

#include "bridge/control-block.h"
#include "bridge/control-check.h"
#include "bridge/last-words.h"
#include "bridge/transport.h"

#include "ns3/abort.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/rng-stream.h"
#include "ns3/simulator.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

namespace qntn
{

namespace
{

/// RngSeed stays the same in all studies; the episode's seed is the run number.
constexpr uint32_t RNG_SEED = 20260;

/// ns-3 makes its tables with the first random stream: 5 ms, here before the seed is known.
void
MakeStreamTables()
{
    ns3::RngStream(RNG_SEED, 1, 1);
}

void
Describe(const FieldInfo& info, wire::Field& message)
{
    message.set_name(info.name);
    message.set_size(info.size);
    message.set_low(info.low);
    message.set_high(info.high);
    message.set_unit(info.unit);
    message.set_help(info.help);
}

void
Describe(const ActionInfo& info, wire::ActionField& message)
{
    message.set_name(info.name);
    message.set_kind(static_cast<wire::ActionField::Kind>(info.kind));
    message.set_size(info.size);
    message.set_num_choices(info.numChoices);
    message.set_low(info.low);
    message.set_high(info.high);
    message.set_unit(info.unit);
    message.set_help(info.help);
    message.set_default_choice(info.defaultChoice);
    message.set_demand(info.demand);
    message.mutable_labels()->Assign(info.labels.begin(), info.labels.end());
}

void
Describe(const Role& role, wire::Role& message)
{
    message.set_name(role.GetName());
    message.set_num_agents(role.GetNumAgents());
    message.set_period(role.GetPeriod());
    message.set_help(role.GetHelp());
    for (const auto& info : role.GetObservations())
    {
        Describe(info, *message.add_observations());
    }
    for (const auto& info : role.GetActions())
    {
        Describe(info, *message.add_actions());
    }
    for (const auto& info : role.GetTerms())
    {
        Describe(info, *message.add_terms());
    }
}

std::string
Join(const std::vector<std::string>& words)
{
    std::string text;
    for (const auto& word : words)
    {
        text += (text.empty() ? "" : ", ") + word;
    }
    return text;
}

} // namespace

/// The messages of this episode, as far as they have come.
struct Session
{
    wire::Configure configure;
    wire::Hello hello;
    wire::Start start;
};

Metric::Metric(double* const* metrics, uint32_t index) : m_metrics(metrics), m_index(index)
{
}

double&
Metric::operator()() const
{
    NS_ASSERT_MSG(*m_metrics != nullptr, "a metric is written before Open");
    return (*m_metrics)[m_index];
}

Bridge::Bridge(int argc, char* argv[]) : Bridge(MakeTransport(argc, argv))
{
}

Bridge::Bridge(std::unique_ptr<Transport> transport)
    : m_transport(std::move(transport)), m_session(std::make_unique<Session>())
{
    KeepLastWords();
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe");
    m_scenario = program.stem().string();
    m_programFolder = program.parent_path().string();

    MakeStreamTables();
    const wire::Control message = m_transport->Receive();
    if (const auto problem = CheckConfigure(message); !problem.empty())
    {
        Fail(*m_transport, "protocol", problem);
    }
    m_session->configure = message.configure();
    ns3::RngSeedManager::SetSeed(RNG_SEED);
    ns3::RngSeedManager::SetRun(m_session->configure.seed());
}

Bridge::~Bridge() = default;

double
Bridge::NumberParameter(const std::string& name,
                        double low,
                        double high,
                        const std::string& unit,
                        const std::string& help,
                        bool integer)
{
    const auto& given = m_session->configure.parameters();
    const auto entry = given.find(name);
    if (entry == given.end() || !entry->second.has_number())
    {
        Fail(*m_transport,
             "parameter",
             "parameter " + name + ": expected a number in [parameters] of " + m_scenario +
                 ".toml, found " +
                 (entry == given.end() ? "nothing" : "the text '" + entry->second.text() + "'"));
    }
    const double value = entry->second.number();
    if (!(value >= low && value <= high) || (integer && value != std::floor(value)))
    {
        std::ostringstream text;
        text << "parameter " << name << ": found " << value << ", expected "
             << (integer ? "a whole number" : "a number") << " from " << low << " to " << high
             << " [" << unit << "] (" << help << ")";
        Fail(*m_transport, "parameter", text.str());
    }
    auto& declared = *m_session->hello.add_parameters();
    declared.set_name(name);
    declared.mutable_value()->set_number(value);
    declared.set_low(low);
    declared.set_high(high);
    declared.set_unit(unit);
    declared.set_help(help);
    declared.set_integer(integer);
    return value;
}

void
Bridge::Refuse(const std::string& message)
{
    Fail(*m_transport, "parameter", message);
}

std::string
Bridge::TextParameter(const std::string& name,
                      const std::vector<std::string>& choices,
                      const std::string& help)
{
    const auto& given = m_session->configure.parameters();
    const auto entry = given.find(name);
    if (entry == given.end() || !entry->second.has_text())
    {
        Fail(*m_transport,
             "parameter",
             "parameter " + name + ": expected a text in [parameters] of " + m_scenario +
                 ".toml, found " +
                 (entry == given.end() ? "nothing" : std::to_string(entry->second.number())));
    }
    const std::string value = entry->second.text();
    if (!choices.empty() && std::ranges::find(choices, value) == choices.end())
    {
        Fail(*m_transport,
             "parameter",
             "parameter " + name + ": found '" + value + "', expected one of " + Join(choices));
    }
    auto& declared = *m_session->hello.add_parameters();
    declared.set_name(name);
    declared.mutable_value()->set_text(value);
    declared.set_help(help);
    declared.set_unit(Join(choices));
    return value;
}

Role&
Bridge::AddRole(const std::string& name,
                uint32_t numAgents,
                uint32_t period,
                const std::string& help,
                bool carryOver)
{
    NS_ABORT_MSG_IF(m_open, "role " << name << " is added after Open");
    NS_ABORT_MSG_IF(
        std::ranges::any_of(m_roles, [&](const auto& role) { return role->GetName() == name; }),
        "role " << name << " is added twice");
    m_roles.push_back(std::make_unique<Role>(name, numAgents, period, help, carryOver));
    return *m_roles.back();
}

Metric
Bridge::Metric(const std::string& name, const std::string& unit, const std::string& help)
{
    NS_ABORT_MSG_IF(m_open, "metric " << name << " is added after Open");
    NS_ABORT_MSG_IF(std::ranges::find(m_metricInfos, name, &FieldInfo::name) != m_metricInfos.end(),
                    "metric " << name << " is added twice");
    m_metricInfos.push_back({name, 1, 0, 0, unit, help});
    return {&m_metrics, static_cast<uint32_t>(m_metricInfos.size() - 1)};
}

void
Bridge::AddPlace(const std::string& name, const std::string& kind, double xM, double yM)
{
    auto& place = *m_session->hello.mutable_scene()->add_places();
    place.set_name(name);
    place.set_kind(kind);
    place.set_x_m(xM);
    place.set_y_m(yM);
}

void
Bridge::AddTrack(const std::string& name, const std::vector<std::pair<double, double>>& pointsM)
{
    auto& track = *m_session->hello.mutable_scene()->add_tracks();
    track.set_name(name);
    for (const auto& [x, y] : pointsM)
    {
        track.add_x_m(x);
        track.add_y_m(y);
    }
}

void
Bridge::AddSite(const std::string& name, const std::string& kind)
{
    auto& site = *m_session->hello.mutable_scene()->add_sites();
    site.set_name(name);
    site.set_kind(kind);
}

void
Bridge::AddSpan(const std::string& siteA, const std::string& siteB, double lengthKm)
{
    auto& span = *m_session->hello.mutable_scene()->add_spans();
    span.set_site_a(siteA);
    span.set_site_b(siteB);
    span.set_length_km(lengthKm);
}

void
Bridge::SetStep(ns3::Time step)
{
    NS_ABORT_MSG_IF(!step.IsStrictlyPositive(),
                    "a step must take time, found " << step.As(ns3::Time::MS));
    m_step = step;
}

ns3::Time
Bridge::GetStep() const
{
    return m_step;
}

void
Bridge::CheckUnknownParameters() const
{
    std::vector<std::string> unknown;
    for (const auto& [name, value] : m_session->configure.parameters())
    {
        if (std::ranges::none_of(m_session->hello.parameters(),
                                 [&](const auto& declared) { return declared.name() == name; }))
        {
            unknown.push_back(name);
        }
    }
    if (!unknown.empty())
    {
        std::ranges::sort(unknown);
        Fail(*m_transport, "parameter", "no such parameter: " + Join(unknown));
    }
}

void
Bridge::Open()
{
    NS_ABORT_MSG_IF(m_open, "Bridge::Open is called twice");
    NS_ABORT_MSG_IF(m_roles.empty(), "Bridge::Open: a scenario needs at least one role");
    NS_ABORT_MSG_IF(m_step.IsZero(), "Bridge::Open: call SetStep before");
    CheckUnknownParameters();

    auto& hello = m_session->hello;
    hello.set_protocol(PROTOCOL_VERSION);
    hello.set_byte_order(BYTE_ORDER_MARK);
    hello.set_scenario(m_scenario);
    hello.set_step_ns(m_step.GetNanoSeconds());
    for (const auto& role : m_roles)
    {
        Describe(*role, *hello.add_roles());
    }
    for (const auto& info : m_metricInfos)
    {
        Describe(info, *hello.add_metrics());
    }
    wire::Control message;
    *message.mutable_hello() = hello;
    m_transport->Send(message);

    message = m_transport->Receive();
    Extent extent{.roles = {}, .numMetrics = m_metricInfos.size()};
    for (const auto& role : m_roles)
    {
        extent.roles.push_back({role->m_name,
                                role->m_numAgents,
                                role->m_observationSize,
                                role->m_maskSize,
                                role->m_terms.size(),
                                role->m_actionSize});
    }
    if (const auto problem = CheckStart(message, extent); !problem.empty())
    {
        Fail(*m_transport, "protocol", problem);
    }
    auto& start = m_session->start;
    start = message.start();
    const uint32_t buffer = m_transport->Open(start);
    m_open = true;
    for (const auto& role : m_roles)
    {
        role->m_open = true;
    }
    PointAt(buffer);
    for (const auto& role : m_roles)
    {
        const auto& arrays = role->m_arrays;
        std::fill_n(arrays.observations, size_t{role->m_numAgents} * role->m_observationSize, 0.0F);
        std::fill_n(arrays.masks, size_t{role->m_numAgents} * role->m_maskSize, uint8_t{1});
        std::fill_n(arrays.terms, role->m_numAgents * role->m_terms.size(), 0.0);
        role->m_acts = true;
    }
    std::fill_n(m_metrics, m_metricInfos.size(), 0.0);
}

void
Bridge::PointAt(uint32_t buffer)
{
    const auto& start = m_session->start;
    uint8_t* state = m_transport->GetStateBlock(buffer);
    const uint8_t* action = m_transport->GetActionBlock();
    for (size_t i = 0; i < m_roles.size(); ++i)
    {
        const auto& at = start.roles(static_cast<int>(i));
        m_roles[i]->m_arrays = {reinterpret_cast<float*>(state + at.observations()),
                                state + at.masks(),
                                state + at.acts(),
                                reinterpret_cast<double*>(state + at.terms()),
                                reinterpret_cast<const float*>(action + at.actions()),
                                state + at.present()};
    }
    m_metrics = reinterpret_cast<double*>(state + start.metrics());
    m_buffer = buffer;
}

void
Bridge::BeginState(uint32_t buffer)
{
    const uint8_t* old = m_transport->GetStateBlock(m_buffer);
    const bool moved = buffer != m_buffer;
    PointAt(buffer);
    for (size_t i = 0; i < m_roles.size(); ++i)
    {
        auto& role = *m_roles[i];
        const auto& at = m_session->start.roles(static_cast<int>(i));
        const auto& arrays = role.m_arrays;
        const size_t agents = role.m_numAgents;
        if (moved && role.m_carryOver)
        {
            std::memcpy(arrays.observations,
                        old + at.observations(),
                        agents * role.m_observationSize * sizeof(float));
        }
        if (moved)
        {
            std::memcpy(arrays.masks, old + at.masks(), agents * role.m_maskSize);
        }
        std::fill_n(arrays.terms, agents * role.m_terms.size(), 0.0);
        role.m_acted = role.m_acts;
        role.m_acts = m_numSteps % role.m_period == 0;
    }
    if (moved)
    {
        std::memcpy(m_metrics,
                    old + m_session->start.metrics(),
                    m_metricInfos.size() * sizeof(double));
    }
}

void
Bridge::PublishActs()
{
    for (const auto& role : m_roles)
    {
        for (uint32_t agent = 0; agent < role->m_numAgents; ++agent)
        {
            const uint8_t present = role->m_present[agent];
            role->m_arrays.present[agent] = present;
            role->m_arrays.acts[agent] = present & static_cast<uint8_t>(role->m_acts);
        }
    }
}

void
Bridge::Step()
{
    NS_ABORT_MSG_IF(!m_open, "Bridge::Step is called before Open");
    NS_ABORT_MSG_IF(m_finished, "Bridge::Step is called after Finish");
    PublishActs();
    m_transport->Publish(wire::RUNNING, ns3::Simulator::Now().GetNanoSeconds());
    const auto answer = m_transport->Await();
    if (answer.command == wire::CLOSE)
    {
        std::_Exit(EXIT_SUCCESS); // nothing of this episode is wanted any more
    }
    ++m_numSteps;
    BeginState(answer.buffer);
}

void
Bridge::Finish(End end)
{
    NS_ABORT_MSG_IF(!m_open, "Bridge::Finish is called before Open");
    NS_ABORT_MSG_IF(m_finished, "Bridge::Finish is called twice");
    m_finished = true;
    for (const auto& role : m_roles)
    {
        role->m_acts = false;
    }
    PublishActs();
    m_transport->Publish(end == End::TERMINATED ? wire::TERMINATED : wire::TRUNCATED,
                         ns3::Simulator::Now().GetNanoSeconds());
    ns3::Simulator::Stop();
}

uint64_t
Bridge::GetNumSteps() const
{
    return m_numSteps;
}

uint64_t
Bridge::GetSeed() const
{
    return m_session->configure.seed();
}

std::string
Bridge::DataPath(const std::string& relative) const
{
    const auto path = std::filesystem::path(m_programFolder).parent_path() / "data" / relative;
    NS_ABORT_MSG_IF(!std::filesystem::exists(path),
                    "no data file " << path << "; run `qntn build`");
    return path.string();
}

} // namespace qntn
