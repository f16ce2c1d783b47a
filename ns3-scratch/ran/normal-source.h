// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_NORMAL_SOURCE_H
#define QNTN_RAN_NORMAL_SOURCE_H

#include <cstdint>

namespace qntn
{

/// Standard normal numbers for fading, some ns each: quantiles of 4096 equal parts of the
/// distribution, drawn by a 64-bit generator (splitmix64), four from each of its words. They
/// reach 3.7 standard deviations.
class NormalSource
{
  public:
    explicit NormalSource(uint64_t seed);

    double Draw();

  private:
    const double* m_quantiles;
    uint64_t m_state;
    uint64_t m_word{0};
    uint32_t m_left{0}; ///< draws in m_word
};

} // namespace qntn

#endif // QNTN_RAN_NORMAL_SOURCE_H
