// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/ephemeris.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

namespace qntn
{

namespace
{

constexpr std::array<const char*, 5> COLUMNS{"time_s", "satellite", "x_m", "y_m", "z_m"};

enum Column : size_t
{
    TIME,
    SATELLITE,
    X,
    Y,
    Z,
};

/// Of the times between two rows to the first of them, from which on rows are missing.
constexpr double GAP_RATIO = 1.5;
constexpr double MIN_RADIUS_M = 6.35e6; ///< the poles are 6356.8 km from the centre (WGS 84)
constexpr double MAX_RADIUS_M = 1e9;

std::string
Text(double value)
{
    std::ostringstream text;
    text.precision(12);
    text << value;
    return text.str();
}

[[noreturn]] void
Fail(const std::string& file, size_t line, const std::string& what)
{
    throw EphemerisError(file + ", line " + std::to_string(line) + ": " + what);
}

std::vector<std::string>
Split(const std::string& line)
{
    std::vector<std::string> cells;
    std::istringstream text(line);
    for (std::string cell; std::getline(text, cell, ',');)
    {
        const auto begin = cell.find_first_not_of(" \t\r\"");
        const auto end = cell.find_last_not_of(" \t\r\"");
        cells.push_back(begin == std::string::npos ? "" : cell.substr(begin, end - begin + 1));
    }
    return cells;
}

/// Where each of COLUMNS is in the file.
std::array<size_t, COLUMNS.size()>
ReadHeader(const std::string& file, const std::string& line)
{
    constexpr const char* EXPECTED = "expected time_s, satellite, x_m, y_m and z_m";
    const auto names = Split(line);
    for (const auto& name : names)
    {
        if (std::ranges::find(COLUMNS, name) == COLUMNS.end())
        {
            Fail(file, 1, "unknown column \"" + name + "\", " + EXPECTED + "; take it out");
        }
        if (std::ranges::count(names, name) > 1)
        {
            Fail(file, 1, "column \"" + name + "\" is there twice; take one out");
        }
    }
    std::array<size_t, COLUMNS.size()> places{};
    for (size_t i = 0; i < COLUMNS.size(); ++i)
    {
        const auto found = std::ranges::find(names, COLUMNS[i]);
        if (found == names.end())
        {
            Fail(file, 1, std::string("no column \"") + COLUMNS[i] + "\", " + EXPECTED);
        }
        places[i] = found - names.begin();
    }
    return places;
}

double
ReadNumber(const std::string& file, size_t line, const char* column, const std::string& cell)
{
    double value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error != std::errc() || end != cell.data() + cell.size() || !std::isfinite(value))
    {
        Fail(file, line, std::string(column) + ": found \"" + cell + "\", expected a number");
    }
    return value;
}

} // namespace

Ephemeris::Ephemeris(std::string file, std::string satellite, std::vector<Row> rows)
    : m_file(std::move(file)), m_satellite(std::move(satellite)), m_rows(std::move(rows))
{
    if (m_rows.size() <= NUM_POINTS)
    {
        Fail(m_file,
             m_rows.empty() ? 1 : m_rows.back().line,
             m_satellite + ": found " + std::to_string(m_rows.size()) +
                 " rows, expected at least " + std::to_string(NUM_POINTS + 1) +
                 "; give a longer time or a shorter step");
    }
    CheckTimes();
    CheckTrack();
}

void
Ephemeris::CheckTimes() const
{
    for (size_t i = 1; i < m_rows.size(); ++i) // before gaps: a row in the wrong place leaves one
    {
        const double before = m_rows[i - 1].timeS;
        const double now = m_rows[i].timeS;
        if (now <= before)
        {
            Fail(m_file,
                 m_rows[i].line,
                 m_satellite + ": time_s: found " + Text(now) + " after " + Text(before) +
                     ", expected times that go up; sort the rows by time");
        }
    }
    const double step = m_rows[1].timeS - m_rows[0].timeS;
    for (size_t i = 1; i < m_rows.size(); ++i)
    {
        const double before = m_rows[i - 1].timeS;
        const double now = m_rows[i].timeS;
        if (now - before > GAP_RATIO * step)
        {
            Fail(m_file,
                 m_rows[i].line,
                 m_satellite + ": time_s: found a gap from " + Text(before) + " to " + Text(now) +
                     " s, expected a row each " + Text(step) +
                     " s; put in the missing rows or make the file anew (qntn ephemeris)");
        }
    }
}

void
Ephemeris::CheckTrack() const
{
    for (size_t i = 0; i < m_rows.size(); ++i)
    {
        // the row itself is one of one more point than interpolation uses
        const size_t count = NUM_POINTS + 1;
        const size_t half = count / 2;
        const size_t first = std::min(i > half ? i - half : 0, m_rows.size() - count);
        const Ecef expected = Interpolate(first, count, i, m_rows[i].timeS);
        const double error_m = Norm(m_rows[i].position - expected);
        // at the ends the others lie all on one side, and tell less
        const bool inside = i >= half && i + half < m_rows.size();
        if (inside && !(error_m <= MAX_ERROR_M))
        {
            Fail(m_file,
                 m_rows[i].line,
                 m_satellite + ": found a position " + Text(error_m) +
                     " m off the track through the rows around it, expected at most " +
                     Text(MAX_ERROR_M) + " m; mend the row, or make the file with a shorter step");
        }
    }
}

Ecef
Ephemeris::Interpolate(size_t first, size_t count, size_t skip, double timeS) const
{
    Ecef sum{0, 0, 0};
    for (size_t i = first; i < first + count; ++i)
    {
        if (i == skip)
        {
            continue;
        }
        double weight = 1;
        for (size_t j = first; j < first + count; ++j)
        {
            if (j != i && j != skip)
            {
                weight *= (timeS - m_rows[j].timeS) / (m_rows[i].timeS - m_rows[j].timeS);
            }
        }
        const Ecef& position = m_rows[i].position;
        sum = {sum.x + weight * position.x,
               sum.y + weight * position.y,
               sum.z + weight * position.z};
    }
    return sum;
}

Ecef
Ephemeris::PositionAt(double timeS) const
{
    RequireCovers(timeS, timeS);
    const auto next = std::ranges::lower_bound(m_rows, timeS, {}, &Row::timeS);
    const auto after = static_cast<size_t>(next - m_rows.begin());
    const size_t first =
        std::min(after > NUM_POINTS / 2 ? after - NUM_POINTS / 2 : 0, m_rows.size() - NUM_POINTS);
    return Interpolate(first, NUM_POINTS, m_rows.size(), timeS);
}

Ecef
Ephemeris::VelocityAt(double timeS) const
{
    const double from = std::max(timeS - HALF_STEP_S, GetBeginS());
    const double to = std::min(timeS + HALF_STEP_S, GetEndS());
    const Ecef way = PositionAt(to) - PositionAt(from);
    return {way.x / (to - from), way.y / (to - from), way.z / (to - from)};
}

const std::string&
Ephemeris::GetSatellite() const
{
    return m_satellite;
}

double
Ephemeris::GetBeginS() const
{
    return m_rows.front().timeS;
}

double
Ephemeris::GetEndS() const
{
    return m_rows.back().timeS;
}

void
Ephemeris::RequireCovers(double fromS, double toS) const
{
    if (!(fromS >= GetBeginS() && toS <= GetEndS()))
    {
        const auto& row = fromS >= GetBeginS() ? m_rows.back() : m_rows.front();
        const std::string wanted =
            fromS == toS ? Text(fromS) + " s" : Text(fromS) + " .. " + Text(toS) + " s";
        Fail(m_file,
             row.line,
             m_satellite + ": asked for " + wanted + ", the file has " + Text(GetBeginS()) +
                 " .. " + Text(GetEndS()) + " s; make a longer file or ask for less");
    }
}

std::vector<std::shared_ptr<const Ephemeris>>
ReadEphemeris(const std::string& path)
{
    std::ifstream file(path);
    std::string text;
    if (!std::getline(file, text))
    {
        throw EphemerisError(path + ": cannot be read or is empty; expected a CSV file, as made by "
                                    "qntn ephemeris");
    }
    const auto places = ReadHeader(path, text);
    std::vector<std::string> names;
    std::map<std::string, std::vector<Ephemeris::Row>> rows;
    for (size_t line = 2; std::getline(file, text); ++line)
    {
        if (text.find_first_not_of(" \t\r") == std::string::npos)
        {
            continue;
        }
        const auto cells = Split(text);
        if (cells.size() != COLUMNS.size())
        {
            Fail(path, line, "found " + std::to_string(cells.size()) + " values, expected 5");
        }
        auto number = [&](Column column)
        { return ReadNumber(path, line, COLUMNS[column], cells[places[column]]); };
        const std::string& name = cells[places[SATELLITE]];
        const Ecef position{number(X), number(Y), number(Z)};
        if (const double radius = Norm(position); radius < MIN_RADIUS_M || radius > MAX_RADIUS_M)
        {
            Fail(path,
                 line,
                 name + ": found a place " + Text(radius) +
                     " m from the Earth's centre, expected 6.35e6 .. 1e9; are these metres?");
        }
        if (name.empty())
        {
            Fail(path, line, "satellite: found no name; give each satellite one");
        }
        auto& track = rows[name];
        if (track.empty())
        {
            names.push_back(name);
        }
        track.push_back({number(TIME), position, line});
    }
    if (names.empty())
    {
        Fail(path, 1, "found no rows, expected at least 9 for each satellite");
    }
    std::vector<std::shared_ptr<const Ephemeris>> satellites;
    for (const auto& name : names)
    {
        satellites.push_back(std::make_shared<Ephemeris>(path, name, std::move(rows[name])));
    }
    return satellites;
}

} // namespace qntn
