// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_NTN_LOSS_H
#define QNTN_RAN_NTN_LOSS_H

#include <cstdint>
#include <string>

namespace qntn
{

/// Surroundings of a user of a satellite, TR 38.811 V15.4, 6.1.
enum class NtnEnvironment : uint8_t
{
    DENSE_URBAN,
    URBAN,
    SUBURBAN,
    RURAL, ///< the tables treat it as suburban
};

/// "DenseUrban", "Urban", "Suburban" or "Rural".
/// \throws std::invalid_argument for another name
NtnEnvironment ToNtnEnvironment(const std::string& name);

/// Parts of the loss between a satellite and the ground, dB.
struct NtnLossDb
{
    double fspl;          ///< free space, Eq. 6.6-2
    double clutter;       ///< without line of sight, Tables 6.6.2-1 to 6.6.2-3
    double gas;           ///< 6.6.4, at every frequency
    double scintillation; ///< 6.6.6: ionospheric below 6 GHz, tropospheric above

    double Sum() const
    {
        return fspl + clutter + gas + scintillation;
    }
};

/// Free-space loss, dB.
double FreeSpaceLossDb(double distanceM, double frequencyHz);

/// Mean loss, interpolated between the tables' elevations. TR 38.811 V15.4, 6.6.
/// \throws std::invalid_argument for an elevation outside 0 .. 90 or a frequency outside 0.5 .. 100
/// GHz
NtnLossDb NtnLoss(NtnEnvironment environment,
                  bool lineOfSight,
                  double elevationDeg,
                  double altitudeM,
                  double frequencyHz);

/// Table 6.6.1-1, interpolated.
double NtnLosProbability(NtnEnvironment environment, double elevationDeg);

/// Tables 6.6.2-1 to 6.6.2-3, interpolated.
double NtnShadowingStdDb(NtnEnvironment environment,
                         bool lineOfSight,
                         double elevationDeg,
                         double frequencyHz);

/// Over which shadowing decorrelates along the ground. Tables 6.7.2-1a to 6.7.2-8b.
double NtnShadowingCorrelationM(NtnEnvironment environment, bool lineOfSight);

/// Carrier-to-noise ratio of a link budget. TR 38.821 V16.2, 6.1.3.1.
double CnrDb(double eirpDbm,
             double gOverTDbPerK,
             double slantRangeM,
             double frequencyHz,
             double bandwidthHz,
             double atmosphericDb = 0,
             double shadowMarginDb = 0,
             double scintillationDb = 0,
             double polarizationDb = 0,
             double additionalDb = 0);

} // namespace qntn

#endif // QNTN_RAN_NTN_LOSS_H
