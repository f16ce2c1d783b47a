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

/// Adds to each sub-band the PRBs of a block that lie in it. Blocks go on at the carrier's start.
void AddPrbs(Subbands& prbs, uint32_t firstPrb, uint32_t numPrbs, uint32_t carrierPrbs);
/// Mean over a block's PRBs of something that each sub-band has.
double MeanOverPrbs(const std::array<float, NUM_SUBBANDS>& values,
                    uint32_t firstPrb,
                    uint32_t numPrbs,
                    uint32_t carrierPrbs);

/// Small-scale fading of one link: in each sub-band the scattered waves of arrivals all around
/// (Rayleigh, with Clarke's Doppler spectrum: autocorrelation J0(2 pi f t)), and a direct path of K
/// times their power.
///
/// All links read one recording of 4096 turns of the largest Doppler shift, each sub-band from a
/// place of its own; it was made as a Gaussian process with exactly that spectrum (Young and
/// Beaulieu, IEEE Trans. Commun. 48(7), 2000), and it is periodic.
class Fading
{
  public:
    /// Begins anew, at random places.
    void Reset(NormalSource& random);
    /// Goes on by one step.
    /// \param turnsPerStep largest Doppler shift times the step
    void Step(double turnsPerStep);
    /// Power gain of each sub-band, 1 in the mean.
    /// \param kFactor Rician, linear; 0 is Rayleigh
    const Subbands& GetGains(double kFactor);

  private:
    std::array<uint32_t, NUM_SUBBANDS> m_places{}; ///< samples of the recording
    double m_moved{0};                             ///< samples since Reset
    Subbands m_gains{};
};

} // namespace qntn

#endif // QNTN_RAN_FADING_H
