// SPDX-License-Identifier: GPL-2.0-only
//
// The country: two gNBs, and the satellites of a real shell that come and go. What qntn::Rural
// models, seen and steered by two roles of agents; see the folder rural-leo.
#include "bridge/bridge.h"
#include "scenarios/rural-leo/rural-metrics.h"
#include "scenarios/rural-leo/rural-roles.h"
#include "scenarios/rural-leo/rural.h"
#include "scenarios/services/kpi-file.h"
#include "scenarios/services/radio-tables.h"

#include "ns3/simulator.h"

#include <filesystem>
#include <memory>
#include <stdexcept>

using namespace ns3;
using namespace qntn;

namespace
{

/// Reads the country's parameters; their values are in rural-leo.toml.
RuralConfig
ReadConfig(Bridge& bridge)
{
    auto number =
        [&bridge](const char* name, double low, double high, const char* unit, const char* help)
    { return bridge.Parameter<double>(name, low, high, unit, help); };
    auto milliseconds = [&number](const char* name, const char* help)
    { return Seconds(number(name, 1, 10000, "ms", help) * 1e-3); };
    return {
        .numUsers = bridge.Parameter<uint32_t>("num_ues", 3, 60, "1", "users in the country"),
        .duration = Seconds(number("episode_s", 1, 3600, "s", "length of an episode")),
        .latitudeDeg = number("latitude_deg", -85, 85, "deg", "of the first village"),
        .longitudeDeg = number("longitude_deg", -180, 180, "deg", "of the first village"),
        .remoteM = number("remote_distance_m",
                          1000,
                          5e5,
                          "m",
                          "how far from the first village the remote users live"),
        .roadM = number("road_distance_m",
                        0,
                        5e5,
                        "m",
                        "how far from the second village the drivers begin"),
        .speedMps = number("road_speed_mps", 0, 60, "m/s", "of the drivers, away from the village"),
        .xrRateBps = number("xr_rate_bps", 1e5, 1e8, "bps", "XR video of each immersed user"),
        .embbRateBps =
            number("embb_rate_bps", 1e5, 1e8, "bps", "mean eMBB of each downloading user"),
        .embbFileBytes = bridge.Parameter<uint32_t>("embb_file_bytes",
                                                    1000,
                                                    1e8,
                                                    "bytes",
                                                    "size of an eMBB file"),
        .budgets = {milliseconds("xr_budget_ms", "delay budget of an XR frame, render to user"),
                    milliseconds("xurllc_budget_ms", "delay budget of an xURLLC sample"),
                    milliseconds("embb_budget_ms", "delay budget of an eMBB file")},
        .gnbTxPowerDbm = number("gnb_tx_power_dbm", 0, 60, "dBm", "transmit power of each gNB"),
        .satelliteEirpDbwPerMhz = number("leo_eirp_dbw_per_mhz",
                                         0,
                                         60,
                                         "dBW/MHz",
                                         "EIRP density of each satellite's beam"),
        .minElevationDeg =
            number("leo_min_elevation_deg", 5, 85, "deg", "below it a satellite does not serve"),
        .payload = ToPayload(bridge.TextParameter("payload",
                                                  {"regenerative", "transparent"},
                                                  "regenerative: gNB on board, and links between "
                                                  "satellites; transparent: feeder link only")),
        .gatewayLatitudeDeg = number("gateway_latitude_deg", -90, 90, "deg", "of the gateway"),
        .gatewayLongitudeDeg = number("gateway_longitude_deg", -180, 180, "deg", "of the gateway"),
    };
}

/// The shell that the parameters name.
Constellation
ReadConstellation(Bridge& bridge)
{
    const std::string kind = bridge.TextParameter(
        "constellation",
        {"file", "walker"},
        "file: as ephemeris_file says; walker: a star of circular orbits, walker_*");
    const std::string file =
        bridge.TextParameter("ephemeris_file",
                             {},
                             "CSV of `qntn ephemeris`: a path, or a file of data/tle");
    const auto numSatellites =
        bridge.Parameter<uint32_t>("walker_satellites", 4, 2000, "1", "satellites of the shell");
    const auto numPlanes =
        bridge.Parameter<uint32_t>("walker_planes", 1, 100, "1", "planes that they fly in");
    const auto altitude_km =
        bridge.Parameter<double>("walker_altitude_km", 300, 2000, "km", "their altitude");
    const auto inclination_deg = bridge.Parameter<double>("walker_inclination_deg",
                                                          1,
                                                          179,
                                                          "deg",
                                                          "inclination of the planes");
    if (kind == "file")
    {
        const std::filesystem::path shipped = bridge.DataPath("tle");
        return Constellation::FromFile(std::filesystem::exists(file) ? file
                                                                     : (shipped / file).string());
    }
    return Constellation::Walker({.pattern = WalkerPattern::STAR,
                                  .inclinationDeg = inclination_deg,
                                  .numSatellites = numSatellites,
                                  .numPlanes = numPlanes,
                                  .phasing = numPlanes > 1 ? 1U : 0U,
                                  .altitudeM = altitude_km * 1e3});
}

} // namespace

int
main(int argc, char* argv[])
{
    MakeRadioTables();
    Bridge bridge(argc, argv);
    RuralConfig config = ReadConfig(bridge);
    const Time step = MilliSeconds(
        bridge.Parameter<uint32_t>("step_ms", 10, 10000, "ms", "time between decisions"));
    const auto epochSteps =
        bridge.Parameter<uint32_t>("epoch_steps", 1, 1e6, "steps", "period of the providers");
    const Time warmUp =
        Seconds(bridge.Parameter<double>("warmup_s", 0.01, 60, "s", "before the first state"));
    KpiFile kpiFile(bridge);
    const Time end = warmUp + config.duration;
    config.duration = end + step; // whole steps may end later
    std::unique_ptr<Rural> rural;
    try
    {
        rural = std::make_unique<Rural>(config, ReadConstellation(bridge));
    }
    catch (const std::invalid_argument& error)
    {
        bridge.Refuse(error.what());
    }
    if (kpiFile.IsAsked())
    {
        rural->CountKpis();
    }
    DescribeRuralScene(bridge, *rural, end);
    RuralProviderRole provider{*rural,
                               bridge.AddRole("provider",
                                              Rural::NUM_PROVIDERS,
                                              epochSteps,
                                              "lays budgets on cells and slices")};
    RuralCellRole cell{
        *rural,
        bridge.AddRole("cell", Rural::NUM_CELLS, 1, "divides a cell's PRBs between the slices")};
    const RuralMetrics metrics(bridge);
    bridge.SetStep(step);
    bridge.Open();

    auto runFor = [](Time duration)
    {
        Simulator::Stop(duration);
        Simulator::Run();
    };
    auto observe = [&]
    {
        rural->Observe();
        provider.Observe(step * epochSteps);
        cell.Observe(step * epochSteps);
        metrics.Write(*rural, cell);
    };
    rural->Start();
    runFor(warmUp);
    observe();
    while (Simulator::Now() < end)
    {
        bridge.Step();
        if (provider.role.Acted())
        {
            provider.Apply();
        }
        cell.Apply();
        runFor(step);
        observe();
    }
    rural->Check();
    if (kpiFile.IsAsked())
    {
        kpiFile.Write(rural->GetKpis());
    }
    bridge.Finish(End::TRUNCATED);
    rural.reset();
    Simulator::Destroy();
    return 0;
}
