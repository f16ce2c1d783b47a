// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/circular-orbit.h"
#include "orbit/ephemeris.h"
#include "orbit/visibility.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

using namespace qntn;

namespace
{

/// A file that is gone when this is.
class CsvFile
{
  public:
    explicit CsvFile(const std::vector<std::string>& lines)
        : m_path(std::filesystem::temp_directory_path() /
                 ("qntn-ephemeris-" + std::to_string(getpid()) + ".csv"))
    {
        std::ofstream file(m_path);
        for (const auto& line : lines)
        {
            file << line << "\n";
        }
    }

    ~CsvFile()
    {
        std::filesystem::remove(m_path);
    }

    CsvFile(const CsvFile&) = delete;
    CsvFile& operator=(const CsvFile&) = delete;

    std::string GetPath() const
    {
        return m_path.string();
    }

  private:
    std::filesystem::path m_path;
};

std::string
MakeRow(double time, const std::string& name, const Ecef& p)
{
    char text[200];
    std::snprintf(text, sizeof text, "%g,%s,%.2f,%.2f,%.2f", time, name.c_str(), p.x, p.y, p.z);
    return text;
}

const CircularOrbit LOW(550e3, 53, 30, 10);

std::vector<std::string>
MakeLines(double stepS, int count)
{
    std::vector<std::string> lines{"time_s,satellite,x_m,y_m,z_m"};
    for (int i = 0; i < count; ++i)
    {
        lines.push_back(MakeRow(stepS * i, "SAT 1", LOW.PositionAt(stepS * i)));
    }
    return lines;
}

/// What the reader says of a file.
std::string
Refusal(const std::vector<std::string>& lines)
{
    const CsvFile file(lines);
    try
    {
        ReadEphemeris(file.GetPath());
    }
    catch (const EphemerisError& error)
    {
        CHECK(std::string(error.what()).starts_with(file.GetPath()));
        return std::string(error.what()).substr(file.GetPath().size());
    }
    return "";
}

bool
Has(const std::string& text, const std::string& part)
{
    CAPTURE(text);
    CAPTURE(part);
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("between the rows of an ephemeris a satellite is within a metre of its orbit")
{
    for (const double step : {10.0, 60.0, 120.0})
    {
        const int count = static_cast<int>(3600 / step) + 1;
        const CsvFile file(MakeLines(step, count));
        const auto satellites = ReadEphemeris(file.GetPath());
        REQUIRE(satellites.size() == 1);
        const auto& track = *satellites[0];
        CHECK(track.GetSatellite() == "SAT 1");
        double worst = 0;
        double worstSpeed = 0;
        for (double t = 0; t <= track.GetEndS(); t += step / 7)
        {
            worst = std::max(worst, Norm(track.PositionAt(t) - LOW.PositionAt(t)));
            worstSpeed = std::max(worstSpeed, Norm(track.VelocityAt(t) - LOW.VelocityAt(t)));
        }
        CAPTURE(step);
        CHECK(worst < 1);
        CHECK(worstSpeed < 0.7); // a centimetre of rounding over 0.05 s at the ends
    }
}

TEST_CASE("columns may come in any order, satellites mixed")
{
    std::vector<std::string> lines{"satellite,z_m,x_m,time_s,y_m"};
    for (int i = 0; i < 9; ++i)
    {
        for (const auto* name : {"B", "A"})
        {
            const Ecef p = LOW.PositionAt(60 * i + (*name == 'A' ? 500 : 0));
            std::ostringstream row;
            row << std::fixed << name << "," << p.z << "," << p.x << "," << 60 * i << "," << p.y;
            lines.push_back(row.str());
        }
    }
    const CsvFile file(lines);
    const auto satellites = ReadEphemeris(file.GetPath());
    REQUIRE(satellites.size() == 2);
    CHECK(satellites[0]->GetSatellite() == "B");
    CHECK(Norm(satellites[1]->PositionAt(90) - LOW.PositionAt(590)) < 0.01);
}

TEST_CASE("a bad ephemeris file is refused with its line, what is wrong, and what to do")
{
    const auto good = MakeLines(60, 20);
    CHECK(Refusal(good).empty());

    auto lines = good;
    lines.erase(lines.begin() + 8); // 420 s
    CHECK(Has(Refusal(lines), ", line 9: SAT 1: time_s: found a gap from 360 to 480 s"));

    lines = good;
    std::swap(lines[5], lines[6]);
    CHECK(Has(Refusal(lines), "line 7: SAT 1: time_s: found 240 after 300"));

    lines = good;
    lines[4] = lines[3];
    CHECK(Has(Refusal(lines), "line 5: SAT 1: time_s: found 120 after 120"));

    lines = good;
    lines[0] = "time_s,satellite,x_m,y_m,z_m,speed";
    CHECK(Has(Refusal(lines), "line 1: unknown column \"speed\""));

    lines = good;
    lines[0] = "time_s,satellite,x_m,y_m";
    CHECK(Has(Refusal(lines), "line 1: no column \"z_m\""));

    lines = good;
    lines[3] = "120,SAT 1,east,0,0";
    CHECK(Has(Refusal(lines), "line 4: x_m: found \"east\", expected a number"));

    lines = good;
    lines[3] = "120,SAT 1,0,0";
    CHECK(Has(Refusal(lines), "line 4: found 4 values, expected 5"));

    lines = good;
    lines[3] = "120,SAT 1,6921,0,0";
    CHECK(Has(Refusal(lines), "are these metres?"));

    lines = good;
    auto wrong = LOW.PositionAt(600);
    wrong.x += 500;
    lines[11] = MakeRow(600, "SAT 1", wrong);
    CHECK(Has(Refusal(lines), "off the track"));

    CHECK(Has(Refusal(MakeLines(600, 20)), "shorter step"));
    CHECK(Has(Refusal(MakeLines(60, 8)), "found 8 rows, expected at least 9"));
    CHECK(Has(Refusal({"time_s,satellite,x_m,y_m,z_m"}), "found no rows"));
    CHECK_THROWS_AS(ReadEphemeris("no-such-file.csv"), EphemerisError);
}

TEST_CASE("passes are looked for until the file ends, and not beyond")
{
    const CsvFile file(MakeLines(60, 20));
    const auto track = ReadEphemeris(file.GetPath())[0];
    const Ecef below = track->PositionAt(1000);
    const double scale = EARTH_RADIUS_M / Norm(below);
    const Ecef ground{below.x * scale, below.y * scale, below.z * scale};
    const LaterTrajectory later(track, 500);
    const auto passes = FindPasses(later, ground, 20, 0, 5000);
    REQUIRE(passes.size() == 1);
    CHECK(passes[0].culminationS == doctest::Approx(500).epsilon(1e-2));
    CHECK(passes[0].setS == 640);
    CHECK(LOW.GetEndS() > 1e300);
}

TEST_CASE("no position is made up outside the times of the file")
{
    const CsvFile file(MakeLines(60, 20));
    const auto track = ReadEphemeris(file.GetPath())[0];
    CHECK_THROWS_AS(track->PositionAt(-0.1), EphemerisError);
    CHECK_THROWS_AS(track->PositionAt(1140.1), EphemerisError);
    CHECK_NOTHROW(track->PositionAt(1140));
    CHECK_NOTHROW(track->VelocityAt(1140));
    try
    {
        track->RequireCovers(100, 2000);
        FAIL("nothing was thrown");
    }
    catch (const EphemerisError& error)
    {
        CHECK(Has(error.what(), "line 21: SAT 1: asked for 100 .. 2000 s, the file has 0 .. 1140"));
    }
}
