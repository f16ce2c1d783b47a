// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_PATHLOSS_H
#define QNTN_RAN_PATHLOSS_H

#include <cstdint>
#include <string>

namespace qntn
{

/// Terrestrial scenarios of TR 38.901.
enum class PathlossModel : uint8_t
{
    UMA, ///< urban macro
    UMI, ///< urban micro, street canyon
    RMA, ///< rural macro
};

/// "UMa", "UMi" or "RMa".
/// \throws std::invalid_argument for another name
PathlossModel ToPathlossModel(const std::string& name);

/// Up to where a model is defined. TR 38.901 V17, Table 7.4.1-1, note 4.
double GreatestFrequencyHz(PathlossModel model);

/// Refuses what Table 7.4.1-1 of TR 38.901 V17 does not cover: 2D distances from 10 m to 5 km (RMa
/// in line of sight: 10 km), users from 1.5 m to 22.5 m (RMa: 1 m to 10 m), base stations of RMa
/// from 10 m to 150 m. A simulation, whose users stand anywhere, goes beyond it; PathlossDb then
/// extrapolates.
/// \throws std::invalid_argument
void RequireApplicable(PathlossModel model,
                       bool lineOfSight,
                       double distance2dM,
                       double baseHeightM,
                       double ueHeightM);

/// Mean path loss, dB. TR 38.901 V17, Table 7.4.1-1, with the table's default street width and
/// building height (20 m, 5 m) and an effective environment height of 1 m.
/// \throws std::invalid_argument for a distance that is not positive, a height not above the
/// environment's (a user of RMa may be at 1 m), or a frequency below 0.5 GHz or above
/// GreatestFrequencyHz
double PathlossDb(PathlossModel model,
                  bool lineOfSight,
                  double distance2dM,
                  double baseHeightM,
                  double ueHeightM,
                  double frequencyHz);

/// Probability of line of sight outdoors. TR 38.901 V17, Table 7.4.2-1.
double LosProbability(PathlossModel model, double distance2dM, double ueHeightM);

/// Where the line-of-sight loss of RMa begins to rise with the fourth power of distance. TR 38.901
/// V17, Table 7.4.1-1, note 5.
double RuralBreakpointM(double baseHeightM, double ueHeightM, double frequencyHz);

/// Standard deviation of shadowing, dB. TR 38.901 V17, Table 7.4.1-1.
/// \param beyondBreakpoint counts in line of sight of RMa
double ShadowingStdDb(PathlossModel model, bool lineOfSight, bool beyondBreakpoint);

/// Distance over which shadowing decorrelates, m. TR 38.901 V17, Table 7.5-6.
double ShadowingCorrelationM(PathlossModel model, bool lineOfSight);

} // namespace qntn

#endif // QNTN_RAN_PATHLOSS_H
