// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_PYBRIDGE_REWARD_SUM_H
#define QNTN_PYBRIDGE_REWARD_SUM_H

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace qntn
{

/// Rewards are terms times the role's weights, for all agents of all environments.
class RewardSum
{
  public:
    struct Role
    {
        size_t numRows;                   ///< environments times agents
        std::vector<double> weights;      ///< [T]
        std::vector<const double*> terms; ///< [E, A, T] in each state block
        std::vector<double*> rewards;     ///< [E, A] for each state block
    };

    void AddRole(Role role)
    {
        m_roles.push_back(std::move(role));
    }

    void Compute(uint32_t buffer) const
    {
        for (const Role& role : m_roles)
        {
            const double* terms = role.terms[buffer];
            double* rewards = role.rewards[buffer];
            for (size_t row = 0; row < role.numRows; ++row)
            {
                double sum = 0;
                for (const double weight : role.weights)
                {
                    sum += weight * *terms++;
                }
                rewards[row] = sum;
            }
        }
    }

  private:
    std::vector<Role> m_roles;
};

} // namespace qntn

#endif // QNTN_PYBRIDGE_REWARD_SUM_H
