// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/fake-agent.h"

#include "bridge/control-block.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>

namespace qntn
{

namespace
{

uint64_t
Aligned(uint64_t offset)
{
    return (offset + 7) / 8 * 8;
}

template <typename Fields>
uint32_t
SumOfSizes(const Fields& fields)
{
    uint32_t sum = 0;
    for (const auto& field : fields)
    {
        sum += field.size();
    }
    return sum;
}

uint32_t
MaskSize(const wire::ActionField& field)
{
    return field.kind() == wire::ActionField::BOX       ? 0
           : field.kind() == wire::ActionField::SIMPLEX ? field.size()
                                                        : field.size() * field.num_choices();
}

uint32_t
MaskSize(const wire::Role& role)
{
    uint32_t sum = 0;
    for (const auto& field : role.actions())
    {
        sum += MaskSize(field);
    }
    return sum;
}

[[noreturn]] void
RefuseFakeArguments(const std::string& problem)
{
    EndWithUsage(problem,
                 "Without Python: --qntn-fake=equal|random|FILE [--qntn-seed=N] "
                 "[--qntn-params=FILE.toml] [--qntn-csv=FILE] [--NAME=VALUE ...]");
}

std::string
Trimmed(const std::string& text)
{
    const auto from = text.find_first_not_of(" \t\r");
    return from == std::string::npos ? ""
                                     : text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
}

/// A number where the text reads as one; quotes around a text are dropped.
std::variant<double, std::string>
ToValue(std::string text)
{
    if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
        text.back() == text.front())
    {
        return text.substr(1, text.size() - 2);
    }
    if (text == "true" || text == "false")
    {
        return text == "true" ? 1.0 : 0.0;
    }
    std::string digits = text;
    std::erase(digits, '_'); // TOML allows them within numbers
    digits.erase(0, !digits.empty() && digits.front() == '+' ? 1 : 0);
    double number = 0;
    const auto end = digits.data() + digits.size();
    if (!digits.empty() && std::from_chars(digits.data(), end, number).ptr == end)
    {
        return number;
    }
    return text;
}

/// The section [parameters] of a parameter file: one `name = value` a line.
FakeAgent::Parameters
ReadParameters(const std::string& path)
{
    std::ifstream file(path);
    if (!file)
    {
        RefuseFakeArguments(path + ": cannot be read; expected the scenario's parameter file");
    }
    FakeAgent::Parameters parameters;
    bool within = false;
    for (std::string line; std::getline(file, line);)
    {
        line = Trimmed(line);
        if (line.starts_with('['))
        {
            within = line.starts_with("[parameters]");
        }
        const auto equals = line.find('=');
        if (!within || line.starts_with('#') || equals == std::string::npos)
        {
            continue;
        }
        std::string value = Trimmed(line.substr(equals + 1));
        const bool quoted = value.starts_with('"') || value.starts_with('\'');
        const auto close = quoted ? value.find(value.front(), 1) : std::string::npos;
        value = quoted ? value.substr(0, close == std::string::npos ? close : close + 1)
                       : Trimmed(value.substr(0, value.find('#')));
        parameters[Trimmed(line.substr(0, equals))] = ToValue(value);
    }
    return parameters;
}

} // namespace

FakeAgent::FakeAgent(FakePolicy policy, uint64_t seed, Parameters parameters)
    : m_policy(policy), m_seed(seed), m_parameters(std::move(parameters)), m_generator(seed)
{
}

void
FakeAgent::SetCsv(std::unique_ptr<std::ostream> csv)
{
    m_csv = std::move(csv);
    m_csv->precision(17);
    *m_csv << "step,time_s,kind,role,agent,field,index,value\n";
}

void
FakeAgent::SetReplay(std::istream& csv)
{
    std::string line;
    std::getline(csv, line); // the heading
    while (std::getline(csv, line))
    {
        std::istringstream text(line);
        std::vector<std::string> cells;
        for (std::string cell; std::getline(text, cell, ',');)
        {
            cells.push_back(cell);
        }
        if (cells.size() != 8)
        {
            throw std::invalid_argument("a recording has 8 columns, found '" + line + "'");
        }
        if (cells[2] == "action")
        {
            const Decision decision{std::stoull(cells[0]),
                                    cells[3],
                                    static_cast<uint32_t>(std::stoul(cells[4])),
                                    cells[5],
                                    static_cast<uint32_t>(std::stoul(cells[6]))};
            m_replay[decision] = std::stof(cells[7]);
        }
    }
}

const wire::Hello&
FakeAgent::GetHello() const
{
    return m_hello;
}

uint64_t
FakeAgent::GetNumStates() const
{
    return m_numStates;
}

wire::Status
FakeAgent::GetStatus() const
{
    return m_status;
}

double
FakeAgent::GetMetric(const std::string& name) const
{
    const auto* state = reinterpret_cast<const uint8_t*>(m_state.data());
    const auto* metrics = reinterpret_cast<const double*>(state + m_start.metrics());
    for (int i = 0; i < m_hello.metrics_size(); ++i)
    {
        if (m_hello.metrics(i).name() == name)
        {
            return metrics[i];
        }
    }
    throw std::out_of_range("no metric " + name);
}

void
FakeAgent::Send(const wire::Control& message)
{
    if (message.has_hello())
    {
        m_hello = message.hello();
    }
}

wire::Control
FakeAgent::Receive()
{
    wire::Control message;
    if (m_configured)
    {
        *message.mutable_start() = m_start = LayOut();
        return message;
    }
    m_configured = true;
    auto& configure = *message.mutable_configure();
    configure.set_protocol(PROTOCOL_VERSION);
    configure.set_byte_order(BYTE_ORDER_MARK);
    configure.set_seed(m_seed);
    for (const auto& [name, value] : m_parameters)
    {
        auto& entry = (*configure.mutable_parameters())[name];
        if (const auto* number = std::get_if<double>(&value))
        {
            entry.set_number(*number);
        }
        else
        {
            entry.set_text(std::get<std::string>(value));
        }
    }
    return message;
}

void
FakeAgent::Flush()
{
    if (m_csv)
    {
        m_csv->flush();
    }
}

wire::Start
FakeAgent::LayOut()
{
    wire::Start start;
    uint64_t state = 0;
    uint64_t action = 0;
    auto place = [](uint64_t& end, uint64_t bytes)
    {
        const uint64_t offset = end;
        end = Aligned(end + bytes);
        return offset;
    };
    for (const auto& role : m_hello.roles())
    {
        auto& at = *start.add_roles();
        const uint64_t agents = role.num_agents();
        at.set_observations(place(state, agents * SumOfSizes(role.observations()) * 4));
        at.set_masks(place(state, agents * MaskSize(role)));
        at.set_acts(place(state, agents));
        at.set_present(place(state, agents));
        at.set_terms(place(state, agents * SumOfSizes(role.terms()) * 8));
        at.set_actions(place(action, agents * SumOfSizes(role.actions()) * 4));
    }
    start.set_metrics(place(state, SumOfSizes(m_hello.metrics()) * 8));
    start.add_state(0);
    start.set_state_bytes(state);
    start.set_action_bytes(action);
    return start;
}

uint32_t
FakeAgent::Open(const wire::Start& start)
{
    m_state.assign(start.state_bytes() / sizeof(double) + 1, 0.0);
    m_action.assign(start.action_bytes() / sizeof(double) + 1, 0.0);
    return 0;
}

uint8_t*
FakeAgent::GetStateBlock(uint32_t)
{
    return reinterpret_cast<uint8_t*>(m_state.data());
}

const uint8_t*
FakeAgent::GetActionBlock() const
{
    return reinterpret_cast<const uint8_t*>(m_action.data());
}

void
FakeAgent::Publish(wire::Status status, int64_t timeNs)
{
    m_status = status;
    m_timeNs = timeNs;
    ++m_numStates;
    if (!m_csv)
    {
        return;
    }
    const uint8_t* state = GetStateBlock(0);
    for (int r = 0; r < m_hello.roles_size(); ++r)
    {
        const auto& role = m_hello.roles(r);
        const auto& at = m_start.roles(r);
        const uint64_t seen = SumOfSizes(role.observations()) * 4;
        const uint64_t judged = SumOfSizes(role.terms()) * 8;
        for (uint32_t agent = 0; agent < role.num_agents(); ++agent)
        {
            WriteFields(role.observations(),
                        "observation",
                        role.name(),
                        agent,
                        state + at.observations() + agent * seen,
                        false);
            WriteFields(role.terms(),
                        "term",
                        role.name(),
                        agent,
                        state + at.terms() + agent * judged,
                        true);
        }
    }
    const auto* metrics = reinterpret_cast<const double*>(state + m_start.metrics());
    for (int i = 0; i < m_hello.metrics_size(); ++i)
    {
        WriteRow("metric", "", "", m_hello.metrics(i).name(), 0, metrics[i]);
    }
    m_csv->flush();
}

Transport::Answer
FakeAgent::Await()
{
    const uint8_t* state = GetStateBlock(0);
    auto* actions = reinterpret_cast<uint8_t*>(m_action.data());
    for (int r = 0; r < m_hello.roles_size(); ++r)
    {
        const auto& role = m_hello.roles(r);
        const auto& at = m_start.roles(r);
        for (uint32_t agent = 0; agent < role.num_agents(); ++agent)
        {
            if (state[at.acts() + agent] != 0)
            {
                auto* own = reinterpret_cast<float*>(actions + at.actions()) +
                            agent * SumOfSizes(role.actions());
                Decide(role, agent, state + at.masks() + agent * MaskSize(role), own);
            }
        }
    }
    return {wire::STEP, 0};
}

void
FakeAgent::Decide(const wire::Role& role, uint32_t agent, const uint8_t* mask, float* action)
{
    const bool random = m_policy == FakePolicy::RANDOM;
    for (const auto& field : role.actions())
    {
        const uint32_t size = field.size();
        if (field.kind() == wire::ActionField::SIMPLEX)
        {
            double sum = 0;
            std::vector<double> share(size);
            for (uint32_t i = 0; i < size; ++i)
            {
                share[i] = mask[i] == 0 ? 0 : random ? -std::log1p(-Uniform()) + 1e-12 : 1;
                sum += share[i];
            }
            for (uint32_t i = 0; i < size; ++i)
            {
                action[i] = static_cast<float>(sum > 0 ? share[i] / sum : 0);
            }
        }
        else if (field.kind() == wire::ActionField::CATEGORICAL)
        {
            for (uint32_t i = 0; i < size; ++i)
            {
                const uint8_t* allowed = mask + i * field.num_choices();
                std::vector<uint32_t> choices;
                for (uint32_t choice = 0; choice < field.num_choices(); ++choice)
                {
                    if (allowed[choice] != 0)
                    {
                        choices.push_back(choice);
                    }
                }
                if (choices.empty())
                {
                    throw std::runtime_error(role.name() + "_" + std::to_string(agent) + ": " +
                                             field.name() + " has every choice masked");
                }
                uint32_t choice =
                    allowed[field.default_choice()] != 0 ? field.default_choice() : choices.front();
                if (random)
                {
                    choice = choices[static_cast<size_t>(Uniform() * choices.size())];
                }
                action[i] = static_cast<float>(choice);
            }
        }
        else
        {
            for (uint32_t i = 0; i < size; ++i)
            {
                const double at = random ? Uniform() : 0.5;
                action[i] = static_cast<float>(field.low() + at * (field.high() - field.low()));
            }
        }
        for (uint32_t i = 0; i < size; ++i)
        {
            // the latest recorded value of this element, up to this step
            const Decision now{m_numStates - 1, role.name(), agent, field.name(), i};
            for (uint64_t step = m_numStates; !m_replay.empty() && step-- > 0;)
            {
                Decision then = now;
                std::get<0>(then) = step;
                if (const auto found = m_replay.find(then); found != m_replay.end())
                {
                    action[i] = found->second;
                    break;
                }
            }
            if (m_csv)
            {
                WriteRow("action", role.name(), std::to_string(agent), field.name(), i, action[i]);
            }
        }
        mask += MaskSize(field);
        action += size;
    }
}

double
FakeAgent::Uniform()
{
    return static_cast<double>(m_generator() >> 11) * 0x1p-53; // the same on every platform
}

void
FakeAgent::WriteFields(const google::protobuf::RepeatedPtrField<wire::Field>& fields,
                       const char* kind,
                       const std::string& role,
                       uint32_t agent,
                       const void* values,
                       bool isDouble)
{
    uint32_t offset = 0;
    for (const auto& field : fields)
    {
        for (uint32_t i = 0; i < field.size(); ++i, ++offset)
        {
            const double value = isDouble ? static_cast<const double*>(values)[offset]
                                          : static_cast<const float*>(values)[offset];
            WriteRow(kind, role, std::to_string(agent), field.name(), i, value);
        }
    }
}

void
FakeAgent::WriteRow(const char* kind,
                    const std::string& role,
                    const std::string& agent,
                    const std::string& field,
                    uint32_t index,
                    double value)
{
    *m_csv << m_numStates - 1 << ',' << static_cast<double>(m_timeNs) * 1e-9 << ',' << kind << ','
           << role << ',' << agent << ',' << field << ',' << index << ',' << value << '\n';
}

std::unique_ptr<Transport>
MakeFakeAgent(int argc, char* argv[])
{
    std::map<std::string, std::string> options;
    for (int i = 1; i < argc; ++i)
    {
        const std::string argument = argv[i];
        const auto equals = argument.find('=');
        options[argument.substr(0, equals)] =
            equals == std::string::npos ? "" : argument.substr(equals + 1);
    }
    if (!options.contains("--qntn-fake"))
    {
        return nullptr;
    }
    auto take = [&](const std::string& name, const std::string& missing)
    {
        const auto node = options.extract(name);
        return node.empty() ? missing : node.mapped();
    };
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe");
    const auto beside = program.parent_path().parent_path() / "scenarios" / program.stem();
    const auto policy = take("--qntn-fake", "");
    const auto seed = ToValue(take("--qntn-seed", "1"));
    auto parameters = ReadParameters(take("--qntn-params", beside.string() + ".toml"));
    const auto csv = take("--qntn-csv", "");
    if (!std::holds_alternative<double>(seed) || std::get<double>(seed) < 0)
    {
        RefuseFakeArguments("--qntn-seed: expected a whole number from 0");
    }
    for (const auto& [name, value] : options)
    {
        if (!name.starts_with("--") || name.starts_with("--qntn-") ||
            !parameters.contains(name.substr(2)))
        {
            RefuseFakeArguments("unknown argument '" + name + "': no parameter of this scenario");
        }
        parameters[name.substr(2)] = ToValue(value);
    }

    const auto kind = policy == "equal"    ? FakePolicy::EQUAL
                      : policy == "random" ? FakePolicy::RANDOM
                                           : FakePolicy::REPLAY;
    auto agent = std::make_unique<FakeAgent>(kind,
                                             static_cast<uint64_t>(std::get<double>(seed)),
                                             std::move(parameters));
    if (kind == FakePolicy::REPLAY)
    {
        std::ifstream recording(policy);
        if (!recording)
        {
            RefuseFakeArguments("--qntn-fake: expected equal, random or a recording, found '" +
                                policy + "'");
        }
        agent->SetReplay(recording);
    }
    if (csv == "-")
    {
        agent->SetCsv(std::make_unique<std::ostream>(std::cout.rdbuf()));
    }
    else if (!csv.empty())
    {
        auto file = std::make_unique<std::ofstream>(csv);
        if (!*file)
        {
            RefuseFakeArguments("--qntn-csv: '" + csv + "' cannot be written");
        }
        agent->SetCsv(std::move(file));
    }
    return agent;
}

} // namespace qntn
