// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_PYBRIDGE_ACTION_CHECK_H
#define QNTN_PYBRIDGE_ACTION_CHECK_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace qntn
{

/// Checks the actions of all environments against spaces and masks, then takes them over.
///
/// It says what is wrong and where; the words are Python's.
class ActionCheck
{
  public:
    /// By how much the shares of a simplex may miss 1: they are float32.
    static constexpr double SUM_TOLERANCE = 1e-3;

    enum class Kind : uint8_t
    {
        SIMPLEX,
        CATEGORICAL,
        BOX,
    };

    /// A decision within an agent's row of numbers.
    struct Field
    {
        Kind kind;
        uint32_t offset;
        uint32_t size;
        uint32_t numChoices; ///< of a categorical
        double low;          ///< of a box
        double high;         ///< of a box
        uint32_t maskOffset;
    };

    /// The arrays of a role: masks and acts lie once in each state block.
    struct Role
    {
        uint32_t numAgents;
        uint32_t actionSize;
        uint32_t maskSize;
        std::vector<Field> fields;
        float* actions; ///< [E, A, actionSize]
        std::vector<const uint8_t*> masks;
        std::vector<const uint8_t*> acts;
    };

    enum class Problem : uint8_t
    {
        OUT_OF_BOUNDS, ///< not a share, not one of the choices, outside the box, or NaN
        MASKED,        ///< a masked share is above 0, or a masked choice is taken
        SUM,           ///< shares do not sum to 1
    };

    struct Violation
    {
        Problem problem;
        uint32_t role;
        uint32_t environment;
        uint32_t agent;
        uint32_t field;
        uint32_t element;
    };

    explicit ActionCheck(uint32_t numEnvironments);

    void AddRole(Role role);
    const std::vector<Role>& GetRoles() const;
    uint32_t GetNumEnvironments() const;

    /// Whether anybody of a role acts in the state of block \p buffer.
    bool Acts(uint32_t role, uint32_t buffer) const;
    /// The first thing that is wrong with \p actions [E, A, actionSize] of a role.
    std::optional<Violation> Check(uint32_t role, uint32_t buffer, const float* actions) const;
    /// Copies the rows of the agents that act.
    void Take(uint32_t role, uint32_t buffer, const float* actions) const;

  private:
    static std::optional<Violation> CheckField(const Field& field,
                                               const float* action,
                                               const uint8_t* mask);

    uint32_t m_numEnvironments;
    std::vector<Role> m_roles;
};

} // namespace qntn

#endif // QNTN_PYBRIDGE_ACTION_CHECK_H
