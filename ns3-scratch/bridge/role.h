// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_ROLE_H
#define QNTN_BRIDGE_ROLE_H

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace qntn
{

class Role;

/// What a field of an observation, a term or a metric is called and means.
struct FieldInfo
{
    std::string name;
    uint32_t size;
    double low;
    double high;
    std::string unit;
    std::string help;
};

/// How an action is chosen.
enum class ActionKind : uint8_t
{
    SIMPLEX,     ///< numbers >= 0 that sum to 1
    CATEGORICAL, ///< independent choices
    BOX,         ///< numbers within bounds
};

/// What a field of an action is called, means and allows.
struct ActionInfo
{
    std::string name;
    ActionKind kind;
    uint32_t size;
    uint32_t numChoices; ///< of a categorical
    double low;          ///< of a box
    double high;         ///< of a box
    std::string unit;
    std::string help;
    uint32_t defaultChoice;
    std::string demand;
    std::vector<std::string> labels;
    uint32_t offset;     ///< of the first number in an agent's action
    uint32_t maskOffset; ///< of the first entry in an agent's mask
    uint32_t maskSize;
};

/// What Role::Simplex and Role::Choose may be told beside the name.
struct ActionHints
{
    std::string demand{}; ///< observation field of the role that tells the demand for each part
    std::vector<std::string> labels{}; ///< names of the parts or choices
    uint32_t defaultChoice{0};         ///< what heuristics choose
};

/// Writes one observation field, straight into the exchange memory.
class Observation
{
  public:
    /// The element \p i of the field, of agent \p agent.
    float& operator()(uint32_t agent, uint32_t i = 0) const;
    /// All elements of the field, of agent \p agent.
    std::span<float> Row(uint32_t agent) const;

  private:
    friend class Role;
    Observation(const Role* role, uint32_t offset, uint32_t size);
    const Role* m_role;
    uint32_t m_offset;
    uint32_t m_size;
};

/// Writes one reward term. Terms are zero at the start of each step.
class Term
{
  public:
    double& operator()(uint32_t agent) const;

  private:
    friend class Role;
    Term(const Role* role, uint32_t index);
    const Role* m_role;
    uint32_t m_index;
};

/// Reads a share of a whole; writes which parts may be given anything.
class Simplex
{
  public:
    /// The share of part \p i: >= 0, all parts sum to 1 (to float32 rounding).
    float operator()(uint32_t agent, uint32_t i) const;
    /// All parts.
    std::span<const float> Shares(uint32_t agent) const;
    void Allow(uint32_t agent, uint32_t i, bool allowed) const;

  private:
    friend class Role;
    Simplex(const Role* role, uint32_t action);
    const Role* m_role;
    uint32_t m_action;
};

/// Reads choices; writes which ones are open.
class Choice
{
  public:
    /// The choice made in place \p i, in 0..numChoices-1.
    uint32_t operator()(uint32_t agent, uint32_t i = 0) const;
    void Allow(uint32_t agent, uint32_t i, uint32_t choice, bool allowed) const;

  private:
    friend class Role;
    Choice(const Role* role, uint32_t action);
    const Role* m_role;
    uint32_t m_action;
};

/// Reads numbers within bounds.
class Box
{
  public:
    float operator()(uint32_t agent, uint32_t i = 0) const;

  private:
    friend class Role;
    Box(const Role* role, uint32_t action);
    const Role* m_role;
    uint32_t m_action;
};

/// A kind of agent: what each of them sees, decides and is judged by.
///
/// Declared by Bridge::AddRole before Bridge::Open; its handles are used after. All handles check
/// their indices with NS_ASSERT. A role without actions is a watcher: what it observes reaches
/// centralised critics in training and no agent; it comes after the roles that decide.
class Role
{
  public:
    Role(std::string name, uint32_t numAgents, uint32_t period, std::string help, bool carryOver);
    Role(const Role&) = delete;
    Role& operator=(const Role&) = delete;

    /// \p size numbers that each agent sees, in [low, high]. Keep their value until written again.
    qntn::Observation Observe(const std::string& name,
                              uint32_t size,
                              double low,
                              double high,
                              const std::string& unit,
                              const std::string& help);
    /// A decision to divide a whole into \p size parts.
    qntn::Simplex Simplex(const std::string& name,
                          uint32_t size,
                          const std::string& help,
                          const ActionHints& hints = {});
    /// \p size decisions between \p numChoices.
    qntn::Choice Choose(const std::string& name,
                        uint32_t size,
                        uint32_t numChoices,
                        const std::string& help,
                        const ActionHints& hints = {});
    /// A decision on \p size numbers in [low, high].
    qntn::Box Box(const std::string& name,
                  uint32_t size,
                  double low,
                  double high,
                  const std::string& unit,
                  const std::string& help);
    /// A number that Python may weigh into the reward of each agent of the role.
    qntn::Term Term(const std::string& name, const std::string& unit, const std::string& help);

    /// Whether the role decides at the present step.
    bool Acts() const;
    /// Whether the actions have just been decided anew (true after the Step in which the role
    /// acted).
    bool Acted() const;
    /// Whether agent \p agent takes part from the next published state on; all do at first.
    ///
    /// An absent agent is never asked, and its action stays what it decided last (0 if it never
    /// did). One that comes back decides when its role acts next.
    void SetPresent(uint32_t agent, bool present);
    bool IsPresent(uint32_t agent) const;

    const std::string& GetName() const;
    const std::string& GetHelp() const;
    uint32_t GetNumAgents() const;
    uint32_t GetPeriod() const;
    const std::vector<FieldInfo>& GetObservations() const;
    const std::vector<FieldInfo>& GetTerms() const;
    const std::vector<ActionInfo>& GetActions() const;
    uint32_t GetObservationSize() const; ///< numbers an agent sees
    uint32_t GetActionSize() const;      ///< numbers an agent decides
    uint32_t GetMaskSize() const;        ///< entries of an agent's mask

  private:
    friend class Bridge;
    friend class qntn::Observation;
    friend class qntn::Term;
    friend class qntn::Simplex;
    friend class qntn::Choice;
    friend class qntn::Box;

    /// Where the arrays of this role lie now.
    struct Arrays
    {
        float* observations{nullptr};
        uint8_t* masks{nullptr};
        uint8_t* acts{nullptr};
        double* terms{nullptr};
        const float* actions{nullptr};
        uint8_t* present{nullptr};
    };

    void CheckNew(const std::string& what, const std::string& name, uint32_t size) const;
    ActionInfo& AddAction(const std::string& name,
                          ActionKind kind,
                          uint32_t size,
                          const std::string& help,
                          const ActionHints& hints);

    std::string m_name;
    uint32_t m_numAgents;
    uint32_t m_period;
    std::string m_help;
    bool m_carryOver;
    bool m_open{false};
    bool m_acts{false};
    bool m_acted{false};
    std::vector<uint8_t> m_present; ///< [agent] 0 or 1
    std::vector<FieldInfo> m_observations;
    std::vector<FieldInfo> m_terms;
    std::vector<ActionInfo> m_actions;
    uint32_t m_observationSize{0};
    uint32_t m_actionSize{0};
    uint32_t m_maskSize{0};
    Arrays m_arrays;
};

} // namespace qntn

#endif // QNTN_BRIDGE_ROLE_H
