// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_SMALL_SCALE_H
#define QNTN_RAN_SMALL_SCALE_H

#include "ran/ntn-loss.h"
#include "ran/pathloss.h"

namespace qntn
{

/// How K factor and delay spread differ from link to link: both are lognormal.
struct SmallScale
{
    double kMeanDb;       ///< Rician; of a line of sight
    double kStdDb;        ///< of a line of sight
    double spreadMeanLgS; ///< of log10(RMS delay spread in s)
    double spreadStdLgS;  ///< of log10(RMS delay spread in s)
    bool lineOfSight;     ///< without it the figures of K mean nothing: Rayleigh

    /// Rician K, linear, of a link that lies so many standard deviations from the mean; 0 without
    /// line of sight.
    double KFactor(double deviations) const;
    /// RMS delay spread of the scattered waves of such a link. The tables' spread is that of all
    /// waves; a direct path makes it shorter than that of the others.
    double ScatterSpreadS(double deviations, double kFactor) const;
};

/// Links of gNBs. TR 38.901 V17, Table 7.5-6 Part 1 and 2.
SmallScale GnbSmallScale(PathlossModel model, bool lineOfSight, double frequencyHz);

/// Links of satellites and platforms, interpolated between the tables' elevations.
/// TR 38.811 V15.4, Tables 6.7.2-1a to 6.7.2-8b.
SmallScale NtnSmallScale(NtnEnvironment environment,
                         bool lineOfSight,
                         double elevationDeg,
                         double frequencyHz);

} // namespace qntn

#endif // QNTN_RAN_SMALL_SCALE_H
