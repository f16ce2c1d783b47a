// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_FADING_H
#define QNTN_RAN_FADING_H

#include "ran/normal-source.h"

#include <array>
#include <cstdint>

namespace qntn
{

inline constexpr uint32_t NUM_SUBBANDS = 16; ///< of a carrier, each with fading of its own
using Subbands = std::array<double, NUM_SUBBANDS>;

/// Small-scale fading of one link: in each sub-band a sum of sinusoids whose Doppler shifts are
/// those of arrivals all around (Clarke's spectrum; Zheng and Xiao, IEEE Trans. Commun. 51(6),
/// 2003), and a direct path of K times their power.
class Fading
{
  public:
    static constexpr uint32_t NUM_WAVES = 8; ///< of a sub-band

    /// Begins anew, with random phases and angles.
    void Reset(NormalSource& random);
    /// Goes on by one step.
    /// \param turnsPerStep largest Doppler shift times the step
    void Step(double turnsPerStep);
    /// Power gain of each sub-band, 1 in the mean.
    /// \param kFactor Rician, linear; 0 is Rayleigh
    const Subbands& GetGains(double kFactor);

  private:
    static constexpr uint32_t NUM_ALL = NUM_SUBBANDS * NUM_WAVES;
    using Waves = std::array<double, NUM_ALL>; ///< [wave][sub-band]

    Waves m_re{};
    Waves m_im{};
    Waves m_cosines{}; ///< of the angles of arrival
    Waves m_turnRe{};  ///< what a step multiplies with
    Waves m_turnIm{};
    double m_turnsPerStep{-1};
    Subbands m_gains{};
};

} // namespace qntn

#endif // QNTN_RAN_FADING_H
