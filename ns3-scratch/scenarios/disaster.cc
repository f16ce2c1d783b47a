// SPDX-License-Identifier: GPL-2.0-only
//
// gNBs fail; a platform in the stratosphere and a satellite take over on narrow carriers until they
// are back. Who gets what is left? The folder disaster has the area, the roles and the metrics.
#include "bridge/bridge.h"
#include "scenarios/disaster/disaster-area.h"
#include "scenarios/disaster/relief-metrics.h"
#include "scenarios/disaster/relief-roles.h"
#include "scenarios/services/kpi-file.h"
#include "scenarios/services/radio-tables.h"

#include "ns3/simulator.h"

#include <memory>
#include <stdexcept>

using namespace ns3;
using namespace qntn;

namespace
{

/// Reads the area's parameters; their values are in disaster.toml.
DisasterConfig
ReadConfig(Bridge& bridge)
{
    auto number =
        [&bridge](const char* name, double low, double high, const char* unit, const char* help)
    { return bridge.Parameter<double>(name, low, high, unit, help); };
    auto milliseconds = [&number](const char* name, double low, double high, const char* help)
    { return Seconds(number(name, low, high, "ms", help) * 1e-3); };
    return {
        .numTown = bridge.Parameter<uint32_t>("num_ues", 1, 60, "1", "users in the town"),
        .numVillage =
            bridge.Parameter<uint32_t>("village_ues", 0, 20, "1", "users that no gNB reaches"),
        .haps = bridge.Parameter<bool>("haps", 0, 1, "bool", "whether the platform is there"),
        .satellite =
            bridge.Parameter<bool>("satellite", 0, 1, "bool", "whether the satellite passes"),
        .duration = Seconds(number("episode_s", 1, 3600, "s", "length of an episode")),
        .outages =
            bridge.TextParameter("outages", {}, "cell, start and end (s) of each, with commas"),
        .outageShiftS =
            number("outage_shift_s", 0, 600, "s", "all outages are later by up to so much"),
        .gnbTxPowerDbm = number("gnb_tx_power_dbm", 0, 60, "dBm", "transmit power of each gNB"),
        .ntnThresholdDb = number("ntn_threshold_db",
                                 -30,
                                 60,
                                 "dB",
                                 "users leave a gNB that is weaker than this over noise"),
        .timeToTrigger =
            milliseconds("time_to_trigger_ms", 0, 5120, "how long a hand-over's condition holds"),
        .videoRateBps = number("video_rate_bps", 1e5, 1e8, "bps", "video of each rescue team"),
        .publicRateBps = number("public_rate_bps", 1e5, 1e8, "bps", "downloads of each resident"),
        .publicFileBytes =
            bridge.Parameter<uint32_t>("public_file_bytes", 1000, 1e8, "bytes", "size of a file"),
        .budgets = {milliseconds("voice_budget_ms", 1, 1000, "delay budget of a voice frame"),
                    milliseconds("video_budget_ms", 1, 1000, "delay budget of a video frame"),
                    milliseconds("public_budget_ms", 1, 10000, "delay budget of a file")},
    };
}

std::unique_ptr<DisasterArea>
MakeArea(Bridge& bridge, const DisasterConfig& config)
{
    try
    {
        return std::make_unique<DisasterArea>(config);
    }
    catch (const std::invalid_argument& error)
    {
        bridge.Refuse(error.what());
    }
}

} // namespace

int
main(int argc, char* argv[])
{
    MakeRadioTables();
    Bridge bridge(argc, argv);
    const DisasterConfig config = ReadConfig(bridge);
    const Time step = MilliSeconds(
        bridge.Parameter<uint32_t>("step_ms", 10, 10000, "ms", "time between decisions"));
    const auto epochSteps =
        bridge.Parameter<uint32_t>("epoch_steps", 1, 1e6, "steps", "period of the operator");
    const Time warmUp =
        Seconds(bridge.Parameter<double>("warmup_s", 0.01, 60, "s", "before the first state"));

    KpiFile kpiFile(bridge);
    const auto area = MakeArea(bridge, config);
    if (kpiFile.IsAsked())
    {
        area->CountKpis();
    }
    for (const auto& gnb : area->GetGnbs())
    {
        bridge.AddPlace(gnb.name, "gnb", gnb.position.x, gnb.position.y);
    }
    for (uint32_t u = 0; u < area->GetNumUes(); ++u)
    {
        const auto& at = area->GetPlaces()[u];
        bridge.AddPlace("ue_" + std::to_string(u), "ue", at.x, at.y);
    }
    const ReliefOperator relief{
        *area,
        bridge.AddRole("operator", 1, epochSteps, "thins video and downloads")};
    const ReliefCell cell{
        *area,
        bridge.AddRole("cell", area->GetNumCells(), 1, "divides a cell's PRBs between the slices")};
    ReliefMetrics metrics(bridge, *area);
    bridge.SetStep(step);
    bridge.Open();

    auto runFor = [](Time duration)
    {
        Simulator::Stop(duration);
        Simulator::Run();
    };
    auto observe = [&](Time since)
    {
        area->Observe(since);
        relief.Observe();
        cell.Observe();
        metrics.Write(*area);
    };
    area->Start();
    runFor(warmUp);
    observe(warmUp);
    const Time end = warmUp + config.duration;
    while (Simulator::Now() < end)
    {
        bridge.Step();
        if (relief.role.Acted())
        {
            relief.Apply();
        }
        cell.Apply();
        runFor(step);
        observe(step);
    }
    if (kpiFile.IsAsked())
    {
        kpiFile.Write(area->GetTraffic().GetKpis());
    }
    area->Dispose();
    bridge.Finish(End::TRUNCATED);
    Simulator::Destroy();
    return 0;
}
