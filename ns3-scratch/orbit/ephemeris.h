// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_ORBIT_EPHEMERIS_H
#define QNTN_ORBIT_EPHEMERIS_H

#include "orbit/trajectory.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace qntn
{

/// An ephemeris file is not right, or is asked for a time that it does not have. The text names
/// file, line, what was found, and what to do.
class EphemerisError : public std::invalid_argument
{
  public:
    using std::invalid_argument::invalid_argument;
};

/// The track of one satellite through the rows of an ephemeris file.
///
/// Between rows it is the polynomial through the NUM_POINTS rows around (Lagrange). Every row was
/// left out once and found again from those around it within MAX_ERROR_M, or the file is refused;
/// so the rows are dense enough for that accuracy between them.
class Ephemeris final : public Trajectory
{
  public:
    static constexpr size_t NUM_POINTS = 8;
    static constexpr double MAX_ERROR_M = 1;

    struct Row
    {
        double timeS;
        Ecef position;
        size_t line; ///< of the file
    };

    /// \throws EphemerisError as ReadEphemeris
    Ephemeris(std::string file, std::string satellite, std::vector<Row> rows);

    /// \throws EphemerisError outside the times of the file
    Ecef PositionAt(double timeS) const override;
    Ecef VelocityAt(double timeS) const override;

    const std::string& GetSatellite() const;
    double GetBeginS() const;
    double GetEndS() const override;
    /// \throws EphemerisError unless the file has all of this time
    void RequireCovers(double fromS, double toS) const;

  private:
    void CheckTimes() const;
    void CheckTrack() const;
    /// Where the rows from \p first on say it is, \p left out \p skip.
    Ecef Interpolate(size_t first, size_t count, size_t skip, double timeS) const;

    std::string m_file;
    std::string m_satellite;
    std::vector<Row> m_rows;
};

/// Reads a CSV file with the columns time_s, satellite, x_m, y_m, z_m, in any order; the positions
/// in ECEF. Satellites are in the order of their first rows.
/// \throws EphemerisError for a column that is missing or unknown, a value that is no number, a
/// position inside the Earth, times that do not go up, a gap, or rows too far apart or off the
/// track
std::vector<std::shared_ptr<const Ephemeris>> ReadEphemeris(const std::string& path);

} // namespace qntn

#endif // QNTN_ORBIT_EPHEMERIS_H
