// SPDX-License-Identifier: GPL-2.0-only
//
// What every step of a vector of environments goes through in Python's process, bound as
// `_core.StepPath`: actions checked and taken over, ends of episodes and simulated time read,
// rewards summed. The arrays are Python's; each is registered once, for each state block that it
// lies in.
#include "action-check.h"
#include "exchange.h"
#include "module.h"
#include "reward-sum.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nb = nanobind;

namespace qntn
{

namespace
{

class StepPath
{
  public:
    explicit StepPath(uint32_t numEnvironments) : m_check(numEnvironments)
    {
    }

    StepPath(const StepPath&) = delete;
    StepPath& operator=(const StepPath&) = delete;

    /// Masks, acts, terms and rewards: one array for each block that states alternate between.
    void AddRole(const nb::str& name,
                 const std::vector<nb::tuple>& fields,
                 const nb::object& actions,
                 const nb::list& masks,
                 const nb::list& acts,
                 const nb::list& terms,
                 std::vector<double> weights,
                 const nb::list& rewards)
    {
        ActionCheck::Role role{};
        const auto shape = Keep<float, 3>(actions);
        role.numAgents = shape.shape(1);
        role.actionSize = shape.shape(2);
        role.actions = shape.data();
        RewardSum::Role sum{shape.shape(0) * shape.shape(1), std::move(weights), {}, {}};
        for (size_t b = 0; b < nb::len(masks); ++b)
        {
            const auto mask = Keep<uint8_t, 3>(masks[b]);
            role.maskSize = mask.shape(2);
            role.masks.push_back(mask.data());
            role.acts.push_back(Keep<uint8_t, 2>(acts[b]).data());
            sum.terms.push_back(Keep<double, 3>(terms[b]).data());
            sum.rewards.push_back(Keep<double, 2>(rewards[b]).data());
        }
        for (const auto& field : fields)
        {
            role.fields.push_back({static_cast<ActionCheck::Kind>(nb::cast<uint8_t>(field[0])),
                                   nb::cast<uint32_t>(field[1]),
                                   nb::cast<uint32_t>(field[2]),
                                   nb::cast<uint32_t>(field[3]),
                                   nb::cast<double>(field[4]),
                                   nb::cast<double>(field[5]),
                                   nb::cast<uint32_t>(field[6])});
        }
        m_names.push_back(name);
        m_check.AddRole(std::move(role));
        m_rewards.AddRole(std::move(sum));
    }

    /// One array [E] of each for each block.
    void SetSummary(const nb::list& terminated, const nb::list& truncated, const nb::list& time_s)
    {
        for (size_t b = 0; b < nb::len(terminated); ++b)
        {
            m_summaries.push_back({Keep<bool, 1>(terminated[b]).data(),
                                   Keep<bool, 1>(truncated[b]).data(),
                                   Keep<double, 1>(time_s[b]).data()});
        }
    }

    /// Checks actions by role, and takes them over when all of them are fine.
    /// \return None; False if an array is missing, superfluous or not float32 [E, A, size] and
    /// contiguous; or what is wrong: (problem, role, environment, agent, field, element)
    nb::object Take(const nb::dict& actions, uint32_t buffer)
    {
        const auto& roles = m_check.GetRoles();
        const Loans loans(m_loans);
        size_t given = 0;
        for (uint32_t r = 0; r < roles.size(); ++r)
        {
            PyObject* array = PyDict_GetItemWithError(actions.ptr(), m_names[r].ptr());
            if (array == nullptr)
            {
                if (PyErr_Occurred() != nullptr)
                {
                    throw nb::python_error();
                }
                if (m_check.Acts(r, buffer))
                {
                    return nb::bool_(false);
                }
                m_loans.emplace_back();
                continue;
            }
            ++given;
            m_loans.emplace_back(array);
            if (!m_loans.back().Is(m_check.GetNumEnvironments(),
                                   roles[r].numAgents,
                                   roles[r].actionSize))
            {
                return nb::bool_(false);
            }
        }
        if (given != nb::len(actions))
        {
            return nb::bool_(false);
        }
        for (uint32_t r = 0; r < roles.size(); ++r)
        {
            if (m_loans[r].data == nullptr)
            {
                continue;
            }
            if (const auto wrong = m_check.Check(r, buffer, m_loans[r].data))
            {
                return nb::make_tuple(static_cast<uint32_t>(wrong->problem),
                                      wrong->role,
                                      wrong->environment,
                                      wrong->agent,
                                      wrong->field,
                                      wrong->element);
            }
        }
        for (uint32_t r = 0; r < roles.size(); ++r)
        {
            if (m_loans[r].data != nullptr)
            {
                m_check.Take(r, buffer, m_loans[r].data);
            }
        }
        return nb::none();
    }

    /// Fills the summary of a block.
    /// \return whether an episode has ended
    bool Read(const Exchange& exchange, uint32_t buffer) const
    {
        const Summary& summary = m_summaries.at(buffer);
        bool ended = false;
        for (uint32_t e = 0; e < exchange.GetNumEnvironments(); ++e)
        {
            const ControlBlock& block = exchange.GetControl(e);
            summary.terminated[e] = block.status == EpisodeStatus::TERMINATED;
            summary.truncated[e] = block.status == EpisodeStatus::TRUNCATED;
            summary.time_s[e] = static_cast<double>(block.timeNs) * 1e-9;
            ended |= block.status != EpisodeStatus::RUNNING;
        }
        return ended;
    }

    void ComputeRewards(uint32_t buffer) const
    {
        m_rewards.Compute(buffer);
    }

  private:
    struct Summary
    {
        bool* terminated;
        bool* truncated;
        double* time_s;
    };

    /// A buffer that Python lends for the length of a call.
    class Loan
    {
      public:
        Loan() = default;

        explicit Loan(PyObject* array)
        {
            m_lent = PyObject_GetBuffer(array, &m_view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) == 0;
            if (!m_lent)
            {
                PyErr_Clear();
            }
        }

        ~Loan()
        {
            if (m_lent)
            {
                PyBuffer_Release(&m_view);
            }
        }

        Loan(Loan&& other) noexcept
            : data(other.data), m_lent(std::exchange(other.m_lent, false)), m_view(other.m_view)
        {
        }

        Loan& operator=(Loan&&) = delete;

        /// Whether it is float32 of that shape; \c data points at it then.
        bool Is(uint32_t environments, uint32_t agents, uint32_t size)
        {
            if (!m_lent || m_view.ndim != 3 || std::string_view(m_view.format) != "f" ||
                m_view.shape[0] != environments || m_view.shape[1] != agents ||
                m_view.shape[2] != size)
            {
                return false;
            }
            data = static_cast<const float*>(m_view.buf);
            return true;
        }

        const float* data{nullptr};

      private:
        bool m_lent{false};
        Py_buffer m_view{};
    };

    /// Gives everything back at the end of a call.
    struct Loans
    {
        explicit Loans(std::vector<Loan>& loans) : m_loans(loans)
        {
        }

        ~Loans()
        {
            m_loans.clear();
        }

        std::vector<Loan>& m_loans;
    };

    /// Holds on to an array for as long as its memory is pointed at.
    /// (An nb::ndarray held until the interpreter ends would never be let go.)
    template <typename T, size_t N>
    nb::ndarray<T, nb::ndim<N>, nb::c_contig, nb::device::cpu> Keep(nb::handle array)
    {
        m_kept.push_back(nb::borrow(array));
        return nb::cast<nb::ndarray<T, nb::ndim<N>, nb::c_contig, nb::device::cpu>>(array, false);
    }

    ActionCheck m_check;
    RewardSum m_rewards;
    std::vector<Summary> m_summaries;
    std::vector<nb::str> m_names;
    std::vector<nb::object> m_kept;
    std::vector<Loan> m_loans; ///< of the call of Take that runs
};

} // namespace

void
BindStepPath(nb::module_& module)
{
    nb::enum_<ActionCheck::Problem>(module, "Problem", nb::is_arithmetic())
        .value("OUT_OF_BOUNDS", ActionCheck::Problem::OUT_OF_BOUNDS)
        .value("MASKED", ActionCheck::Problem::MASKED)
        .value("SUM", ActionCheck::Problem::SUM);
    nb::class_<StepPath>(module, "StepPath")
        .def(nb::init<uint32_t>(), nb::arg("num_environments"))
        .def("add_role",
             &StepPath::AddRole,
             nb::arg("name"),
             nb::arg("fields"),
             nb::arg("actions"),
             nb::arg("masks"),
             nb::arg("acts"),
             nb::arg("terms"),
             nb::arg("weights"),
             nb::arg("rewards"))
        .def("set_summary",
             &StepPath::SetSummary,
             nb::arg("terminated"),
             nb::arg("truncated"),
             nb::arg("time_s"))
        .def("take", &StepPath::Take, nb::arg("actions"), nb::arg("buffer"))
        .def("read", &StepPath::Read, nb::arg("exchange"), nb::arg("buffer"))
        .def("compute_rewards", &StepPath::ComputeRewards, nb::arg("buffer"));
}

} // namespace qntn
