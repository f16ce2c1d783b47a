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

struct SubbandMixing;

/// Small-scale fading of one link: in each sub-band the scattered waves of arrivals all around
/// (Rayleigh, with Clarke's Doppler spectrum: autocorrelation J0(2 pi f t)), and a direct path of K
/// times their power with a Doppler shift of its own.
///
/// The power of the scattered waves falls exponentially with their delay behind the direct path.
/// So the gains of sub-bands n apart have the correlation 1 / (1 + i n x), where x is 2 pi times
/// the delay spread times a sub-band's width. A sub-band is flat inside.
///
/// All links read one recording of 4096 turns of the largest Doppler shift, from random places; it
/// was made as a Gaussian process with exactly that spectrum (Young and Beaulieu, IEEE Trans.
/// Commun. 48(7), 2000), and it is periodic. Correlated sub-bands are mixed from as many places as
/// the correlation needs: 16 where it is weak, 1 where the carrier fades as a whole.
class Fading
{
  public:
    /// Begins anew, at random places.
    void Reset(NormalSource& random);
    /// What the link drew at Reset: how far its K factor and its delay spread lie from the mean, in
    /// standard deviations.
    double GetKDeviation() const;
    double GetSpreadDeviation() const;
    /// \param kFactor Rician, linear; 0 is Rayleigh
    /// \param spread x above; from 10 on sub-bands are independent
    void SetShape(double kFactor, double spread);
    /// Goes on by one step.
    /// \param turnsPerStep largest Doppler shift times the step
    /// \param directTurns the direct path's Doppler shift times the step
    void Step(double turnsPerStep, double directTurns);
    /// Power gain of each sub-band, 1 in the mean.
    const Subbands& GetGains();

  private:
    std::array<uint32_t, NUM_SUBBANDS> m_places{}; ///< samples of the recording
    double m_moved{0};                             ///< samples since Reset
    double m_directTurns{0};                       ///< of the direct path since Reset, -1 .. 1
    float m_direct{0};                             ///< amplitude
    float m_scatter{1};                            ///< amplitude
    float m_kDeviation{0};
    float m_spreadDeviation{0};
    const SubbandMixing* m_mixing{nullptr}; ///< none: sub-bands are independent
    Subbands m_gains{};
};

} // namespace qntn

#endif // QNTN_RAN_FADING_H
