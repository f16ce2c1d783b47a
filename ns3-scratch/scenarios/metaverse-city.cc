// SPDX-License-Identifier: GPL-2.0-only
//
// A city of immersive users: what qntn::City models, seen and steered by four roles of agents. Each
// role is one header of the folder metaverse-city: what it sees, what it decides, by what it is
// judged.
#include "bridge/bridge.h"
#include "metaverse/city.h"
#include "qkd/kme-network.h"
#include "scenarios/metaverse-city/cell-role.h"
#include "scenarios/metaverse-city/city-events.h"
#include "scenarios/metaverse-city/city-metrics.h"
#include "scenarios/metaverse-city/city-scene.h"
#include "scenarios/metaverse-city/key-router.h"
#include "scenarios/metaverse-city/provider-role.h"
#include "scenarios/metaverse-city/qkd-operator.h"
#include "scenarios/services/kpi-file.h"
#include "scenarios/services/radio-tables.h"

#include "ns3/simulator.h"

#include <optional>
#include <stdexcept>

using namespace ns3;
using namespace qntn;

namespace
{

/// Reads what the satellite makes key with; nothing if it makes none.
std::optional<CitySatelliteKey>
ReadSatelliteKey(Bridge& bridge)
{
    const bool isOn = bridge.Parameter<bool>(
        "leo_qkd",
        0,
        1,
        "bool",
        "1: the satellite makes key with the servers' sites and its gateway, and relays it");
    const CitySatelliteKey key{
        .dwell = Seconds(bridge.Parameter<double>("leo_qkd_dwell_s",
                                                  0.1,
                                                  600,
                                                  "s",
                                                  "with one station before it turns to the next")),
        .divergenceRad = 1e-6 * bridge.Parameter<double>("leo_qkd_divergence_urad",
                                                         0.1,
                                                         1000,
                                                         "urad",
                                                         "half-angle to 1/e^2"),
        .pointingJitterRad = 1e-6 * bridge.Parameter<double>("leo_qkd_jitter_urad",
                                                             0,
                                                             1000,
                                                             "urad",
                                                             "pointing jitter on each axis"),
        .receiverDiameterM = bridge.Parameter<double>("leo_qkd_receiver_m",
                                                      0.01,
                                                      10,
                                                      "m",
                                                      "diameter of each station's telescope"),
        .utcHour = bridge.Parameter<double>("leo_qkd_utc_hour",
                                            0,
                                            24,
                                            "h",
                                            "when the episode begins; by day there is no key"),
    };
    return isOn ? std::optional(key) : std::nullopt;
}

/// Reads how key gets to those who use it; nothing if it is there at once.
std::optional<DeliveryProtocol>
ReadKeyDelivery(Bridge& bridge)
{
    const std::string protocol =
        bridge.TextParameter("key_delivery",
                             {"direct", "etsi_014", "etsi_004"},
                             "messages by which servers and gateways get key; direct: none");
    if (protocol == "direct")
    {
        return std::nullopt;
    }
    return protocol == "etsi_014" ? DeliveryProtocol::Etsi014 : DeliveryProtocol::Etsi004;
}

/// Reads the city's parameters; their values are in metaverse-city.toml.
CityConfig
ReadConfig(Bridge& bridge)
{
    auto number =
        [&bridge](const char* name, double low, double high, const char* unit, const char* help)
    { return bridge.Parameter<double>(name, low, high, unit, help); };
    auto seconds = [&number](const char* name, double low, double high, const char* help)
    { return Seconds(number(name, low, high, "s", help)); };
    auto milliseconds = [&number](const char* name, double low, double high, const char* help)
    { return Seconds(number(name, low, high, "ms", help) * 1e-3); };
    return {
        .numUsers = bridge.Parameter<uint32_t>("num_ues", 3, 60, "1", "users in the city"),
        .duration = seconds("episode_s", 1, 3600, "length of an episode"),
        .xrRateBps = number("xr_rate_bps", 1e5, 1e8, "bps", "XR video of each immersed user"),
        .embbRateBps =
            number("embb_rate_bps", 1e5, 1e8, "bps", "mean eMBB of each downloading user"),
        .embbFileBytes = bridge.Parameter<uint32_t>("embb_file_bytes",
                                                    1000,
                                                    1e8,
                                                    "bytes",
                                                    "size of an eMBB file"),
        .rushRatio = number("rush_ratio", 0, 10, "ratio", "eMBB load of msp_1 in its rush hour"),
        .rushDuration = seconds("rush_s", 0, 3600, "length of the rush hour"),
        .budgets =
            {milliseconds("xr_budget_ms", 1, 1000, "delay budget of an XR frame, render to user"),
             milliseconds("xurllc_budget_ms", 0.5, 1000, "delay budget of an xURLLC sample"),
             milliseconds("embb_budget_ms", 1, 10000, "delay budget of an eMBB file")},
        .edgeCores = number("edge_cores", 0.01, 1000, "1", "cores of each provider's edge server"),
        .workPerMegabyte =
            {milliseconds("xr_work_ms_per_megabyte", 0, 1e5, "rendering of XR video, on one core"),
             Seconds(0),
             milliseconds("embb_work_ms_per_megabyte", 0, 1e5, "preparing eMBB, on one core")},
        .workPerBurst =
            {Seconds(0),
             Seconds(number("xurllc_work_us", 0, 1e5, "us", "computing a sample, on one core") *
                     1e-6),
             Seconds(0)},
        .gnbTxPowerDbm = number("gnb_tx_power_dbm", 0, 60, "dBm", "transmit power of each gNB"),
        .xurllcTargetBler = number("xurllc_target_bler",
                                   1e-6,
                                   0.5,
                                   "ratio",
                                   "block error rate at which link adaptation of xURLLC aims"),
        .minElevationDeg =
            number("leo_min_elevation_deg", 10, 85, "deg", "below it the satellite does not serve"),
        .passDuration = seconds("leo_pass_s", 1, 600, "how long the satellite serves"),
        .pulseRateHz = number("pulse_rate_hz", 1e6, 1e10, "Hz", "pulse rate of every quantum link"),
        .rekeyBytes = bridge.Parameter<uint64_t>("rekey_bytes",
                                                 1000,
                                                 1e9,
                                                 "bytes",
                                                 "encrypted under one AES key"),
        .keyWait = milliseconds("key_wait_ms", 0, 10000, "longest that a packet waits for key"),
        .relaySetup = seconds("relay_setup_s", 0, 600, "from reserving a relay to its opening"),
        .relayCommitment = seconds("relay_commitment_s",
                                   0,
                                   86400,
                                   "a reserved relay is paid for at least this long"),
        .pricePeriod = seconds("price_period_s", 1, 1e8, "what a price of the cost set pays for"),
        .poseUplink = bridge.Parameter<bool>("pose_uplink",
                                             0,
                                             1,
                                             "bool",
                                             "1: headsets send 100 bytes each 4 ms upwards"),
        .poseBudget = milliseconds("pose_budget_ms", 1, 1000, "delay budget of a pose sample"),
        .satelliteKey = ReadSatelliteKey(bridge),
        .keyDelivery = ReadKeyDelivery(bridge),
    };
}

} // namespace

int
main(int argc, char* argv[])
{
    MakeRadioTables();
    Bridge bridge(argc, argv);
    const CityConfig config = ReadConfig(bridge);
    const Time step = MilliSeconds(
        bridge.Parameter<uint32_t>("step_ms", 10, 10000, "ms", "time between decisions"));
    const auto epochSteps =
        bridge.Parameter<uint32_t>("epoch_steps",
                                   1,
                                   1e6,
                                   "steps",
                                   "period of the QKD operator and the providers");
    const Time warmUp =
        Seconds(bridge.Parameter<double>("warmup_s", 0.01, 60, "s", "before the first state"));
    const std::string costSet =
        bridge.TextParameter("cost_set", {"A", "B"}, "prices of key relays");
    const bool keyMessages =
        bridge.Parameter<bool>("key_messages",
                               0,
                               1,
                               "bool",
                               "1: post-processing and relaying of key are packets");
    KpiFile kpiFile(bridge);
    const Time epoch = step * epochSteps;

    auto city = CreateObject<City>();
    const auto topology = ReadQkdTopology(bridge.DataPath("qkd/networks.json"), "madqci_2024");
    try
    {
        city->Build(config, topology, ReadCostSet(bridge.DataPath("qkd/cost-sets.json"), costSet));
    }
    catch (const std::invalid_argument& error)
    {
        bridge.Refuse(error.what());
    }
    if (keyMessages)
    {
        city->GetKeys().SetTransport(CreateObject<KmeNetwork>());
    }
    if (kpiFile.IsAsked())
    {
        city->CountKpis();
    }
    DescribeScene(bridge, *city, topology, config.duration);

    QkdOperator qkdOperator{
        *city,
        bridge.AddRole("qkd_operator", 1, epochSteps, "deploys the key relays")};
    ProviderRole provider{*city,
                          bridge.AddRole("provider",
                                         City::NUM_PROVIDERS,
                                         epochSteps,
                                         "lays budgets on cells and slices")};
    CellRole cell{
        *city,
        bridge.AddRole("cell", City::NUM_CELLS, 1, "divides a cell's PRBs between the slices")};
    KeyRouter keyRouter{
        *city,
        bridge.AddRole("key_router",
                       City::NUM_RELATIONS,
                       1,
                       "routes the key of a provider and cell and chooses how it is used")};
    CityEvents events{*city, bridge.AddRole("events", 1, 1, "what comes when")};
    CityMetrics metrics(bridge, *city);
    bridge.SetStep(step);
    bridge.Open();

    auto runFor = [](Time duration)
    {
        Simulator::Stop(duration);
        Simulator::Run();
    };
    auto observe = [&]
    {
        city->Observe();
        qkdOperator.Observe(epoch);
        provider.Observe(epoch, step);
        cell.Observe();
        keyRouter.Observe();
        events.Observe();
        metrics.Write(*city, cell, provider);
    };
    city->Start();
    runFor(warmUp);
    observe();
    const Time end = warmUp + config.duration;
    while (Simulator::Now() < end)
    {
        bridge.Step();
        if (qkdOperator.role.Acted())
        {
            qkdOperator.Apply();
            provider.Apply();
        }
        cell.Apply();
        keyRouter.Apply();
        runFor(step);
        observe();
    }
    city->Check();
    if (kpiFile.IsAsked())
    {
        kpiFile.Write(city->GetKpis());
    }
    bridge.Finish(End::TRUNCATED);
    city->Dispose();
    Simulator::Destroy();
    return 0;
}
