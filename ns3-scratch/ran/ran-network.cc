// SPDX-License-Identifier: GPL-2.0-only
#include "ran/ran-network.h"

#include "ran/input-error.h"
#include "ran/nr-tables.h"
#include "ran/pathloss.h"
#include "ran/quota.h"
#include "ran/tbs.h"

#include "ns3/assert.h"
#include "ns3/boolean.h"
#include "ns3/double.h"
#include "ns3/enum.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace qntn
{

using namespace ns3;

NS_OBJECT_ENSURE_REGISTERED(RanNetwork);

namespace
{

/// [mcs][PRBs] for one number of symbols.
std::vector<std::vector<uint32_t>>
MakeBlockSizes(const CarrierConfig& carrier,
               uint32_t numPrbs,
               uint32_t numSymbols,
               uint32_t numLayers)
{
    std::vector<std::vector<uint32_t>> sizes(NumMcs(carrier.mcsTable));
    for (uint32_t mcs = 0; mcs < sizes.size(); ++mcs)
    {
        sizes[mcs].push_back(0);
        for (uint32_t prbs = 1; prbs <= numPrbs; ++prbs)
        {
            sizes[mcs].push_back(
                TbsBits(prbs, mcs, carrier.mcsTable, numSymbols, 12, 0, numLayers));
        }
    }
    return sizes;
}

/// From each slot of a pattern how many slots until one has uplink symbols; 0 for such a slot.
std::vector<uint32_t>
UplinkWaits(const std::string& pattern)
{
    std::vector<uint32_t> waits(pattern.size(), 0);
    for (size_t slot = 0; slot < pattern.size() && !IsFdd(pattern); ++slot)
    {
        while (UplinkSymbols(pattern[(slot + waits[slot]) % pattern.size()]) == 0)
        {
            ++waits[slot];
        }
    }
    return waits;
}

} // namespace

TypeId
RanNetwork::GetTypeId()
{
    static TypeId tid =
        TypeId("qntn::RanNetwork")
            .SetParent<Object>()
            .SetGroupName("Qntn")
            .AddConstructor<RanNetwork>()
            .AddAttribute("NumSlices",
                          "Network slices; flows name one of 0 .. NumSlices - 1.",
                          UintegerValue(3),
                          MakeUintegerAccessor(&RanNetwork::m_numSlices),
                          MakeUintegerChecker<uint32_t>(1, 64))
            .AddAttribute("QueueLimitBytes",
                          "What a flow's queue holds; packets beyond it are dropped.",
                          UintegerValue(4'000'000),
                          MakeUintegerAccessor(&RanNetwork::m_queueLimitBytes),
                          MakeUintegerChecker<uint32_t>(1500))
            .AddAttribute("Borrowing",
                          "Whether a slice may use what others leave of their minimum.",
                          BooleanValue(false),
                          MakeBooleanAccessor(&RanNetwork::m_borrowing),
                          MakeBooleanChecker())
            .AddAttribute("Policy",
                          "Who goes first inside a slice.",
                          EnumValue(SchedulingPolicy::PROPORTIONAL_FAIR),
                          MakeEnumAccessor<SchedulingPolicy>(&RanNetwork::m_policy),
                          MakeEnumChecker(SchedulingPolicy::PROPORTIONAL_FAIR,
                                          "ProportionalFair",
                                          SchedulingPolicy::ROUND_ROBIN,
                                          "RoundRobin",
                                          SchedulingPolicy::EARLIEST_DEADLINE,
                                          "EarliestDeadline"))
            .AddAttribute("ResourceUnit",
                          "What grants are made of.",
                          EnumValue(ResourceUnit::PRB),
                          MakeEnumAccessor<ResourceUnit>(&RanNetwork::m_resourceUnit),
                          MakeEnumChecker(ResourceUnit::PRB, "Prb", ResourceUnit::RBG, "Rbg"))
            .AddAttribute("SubbandCqi",
                          "Whether users report each sub-band, and blocks are placed by that.",
                          BooleanValue(false),
                          MakeBooleanAccessor(&RanNetwork::m_subbandCqi),
                          MakeBooleanChecker())
            .AddAttribute("CqiPeriod",
                          "Time between two channel reports of a user.",
                          TimeValue(MilliSeconds(5)),
                          MakeTimeAccessor(&RanNetwork::m_cqiPeriod),
                          MakeTimeChecker(MicroSeconds(500)))
            .AddAttribute("HandoverPeriod",
                          "Time between two measurements of all cells, and looks at which serves a "
                          "user; HandoverControl has what they lead to.",
                          TimeValue(MilliSeconds(40)),
                          MakeTimeAccessor(&RanNetwork::m_handoverPeriod),
                          MakeTimeChecker(MilliSeconds(1)))
            .AddAttribute(
                "TargetBler",
                "Block error rate that link adaptation aims at; SetTargetBler for one slice.",
                DoubleValue(0.1),
                MakeDoubleAccessor(&RanNetwork::m_targetBler),
                MakeDoubleChecker<double>(1e-6, 0.5))
            .AddAttribute("MaxTransmissions",
                          "How often a transport block is sent before it is given up.",
                          UintegerValue(4),
                          MakeUintegerAccessor(&RanNetwork::m_maxTransmissions),
                          MakeUintegerChecker<uint32_t>(1, 16))
            .AddAttribute("HarqCombining",
                          "How a receiver puts the transmissions of a block together.",
                          EnumValue(HarqCombining::CHASE),
                          MakeEnumAccessor<HarqCombining>(&RanNetwork::m_combining),
                          MakeEnumChecker(HarqCombining::CHASE,
                                          "Chase",
                                          HarqCombining::INCREMENTAL,
                                          "IncrementalRedundancy"))
            .AddAttribute("NtnBlindProcesses",
                          "HARQ processes of a satellite's user without feedback, of 32; they are "
                          "used when no other is free (TS 38.331, "
                          "downlinkHARQ-FeedbackDisabled-r17).",
                          UintegerValue(0),
                          MakeUintegerAccessor(&RanNetwork::m_ntnBlindProcesses),
                          MakeUintegerChecker<uint32_t>(0, NUM_HARQ_PROCESSES_NTN))
            .AddAttribute("NtnRepetitions",
                          "How often a block without feedback is sent.",
                          UintegerValue(1),
                          MakeUintegerAccessor(&RanNetwork::m_ntnRepetitions),
                          MakeUintegerChecker<uint32_t>(1, 16))
            .AddAttribute("StatusLossRatio",
                          "Part of the status reports of RLC that do not arrive.",
                          DoubleValue(0),
                          MakeDoubleAccessor(&RanNetwork::m_statusLossRatio),
                          MakeDoubleChecker<double>(0, 0.99))
            .AddAttribute("UeTxPowerDbm",
                          "Most that a user sends with: power class 3 (TS 38.101-1, 6.2.1).",
                          DoubleValue(23),
                          MakeDoubleAccessor(&RanNetwork::m_ueTxPowerDbm),
                          MakeDoubleChecker<double>(-40, 40))
            .AddAttribute("UplinkP0Dbm",
                          "Power that open-loop control aims at in a PRB of 15 kHz subcarriers, "
                          "beside the part of the path loss (TS 38.213, 7.1.1).",
                          DoubleValue(-80),
                          MakeDoubleAccessor(&RanNetwork::m_uplinkP0Dbm),
                          MakeDoubleChecker<double>(-202, 24))
            .AddAttribute("UplinkAlpha",
                          "Part of the path loss that users make up for (TS 38.213, 7.1.1).",
                          DoubleValue(0.8),
                          MakeDoubleAccessor(&RanNetwork::m_uplinkAlpha),
                          MakeDoubleChecker<double>(0, 1))
            .AddAttribute(
                "UplinkClosedLoop",
                "Whether base stations correct users' power by commands (TS 38.213, 7.1.1).",
                BooleanValue(false),
                MakeBooleanAccessor(&RanNetwork::m_uplinkClosedLoop),
                MakeBooleanChecker())
            .AddAttribute("UplinkTargetSinrDb",
                          "Mean SINR of a PRB that these commands aim at.",
                          DoubleValue(15),
                          MakeDoubleAccessor(&RanNetwork::m_uplinkTargetSinrDb),
                          MakeDoubleChecker<double>(-20, 40))
            .AddAttribute("UplinkLeastSnrDb",
                          "A user's power is spread over no more PRBs than keep this received SNR.",
                          DoubleValue(0),
                          MakeDoubleAccessor(&RanNetwork::m_uplinkLeastSnrDb),
                          MakeDoubleChecker<double>(-20, 40));
    return tid;
}

RanNetwork::RanNetwork()
    : m_channel(std::make_unique<RadioChannel>()),
      m_handover(CreateObject<HandoverControl>()),
      m_decoding(CreateObject<UniformRandomVariable>())
{
}

RanNetwork::~RanNetwork() = default;

void
RanNetwork::DoDispose()
{
    m_nextSlot.Cancel();
    for (auto& cell : m_cells)
    {
        for (auto& side : cell.sides)
        {
            for (auto& mini : side.miniSlots)
            {
                mini.next.Cancel();
            }
        }
    }
    for (auto& state : m_states)
    {
        state.reorderingEnds.Cancel();
        state.reorderingEnds = {}; // its event holds this object
    }
    m_channel.reset();
    m_delivered = {};
    m_dropped = {};
    Object::DoDispose();
}

void
RanNetwork::RequireBeforeStart(const std::string& field) const
{
    RequireInput(!m_started, field, "a call after Start", "one before it");
}

void
RanNetwork::CheckCarrier(const std::string& name, const CarrierConfig& carrier) const
{
    try
    {
        Validate(carrier);
    }
    catch (const InputError& error)
    {
        throw InputError("cell " + name + ", " + error.field, error.found, error.expected);
    }
    for (const auto& cell : m_cells)
    {
        const auto& other = cell.carrier;
        const bool apart = other.frequencyHz != carrier.frequencyHz;
        RequireInput(apart || other.bandwidthHz == carrier.bandwidthHz,
                     "cell " + name + ", bandwidth_hz",
                     carrier.bandwidthHz,
                     "that of cell " + cell.name + " on the same frequency");
        RequireInput(apart || other.numerology == carrier.numerology,
                     "cell " + name + ", numerology",
                     uint32_t{carrier.numerology},
                     "that of cell " + cell.name + " on the same frequency");
    }
}

uint32_t
RanNetwork::AddGnb(const GnbConfig& config)
{
    RequireBeforeStart("cell " + config.name);
    CheckCarrier(config.name, config.carrier);
    const std::string cell = "cell " + config.name;
    RequireInput(config.position.z > 1, // TR 38.901 V17, 7.4.1
                 cell + ", position.z",
                 config.position.z,
                 "a height above 1 m");
    RequireInput(std::isfinite(config.txPowerDbm),
                 cell + ", tx_power_dbm",
                 config.txPowerDbm,
                 "a finite number");
    RequireInput(config.scenario == "UMa" || config.scenario == "UMi" || config.scenario == "RMa",
                 cell + ", scenario",
                 "\"" + config.scenario + "\"",
                 "UMa, UMi or RMa");
    RequireInput(config.carrier.frequencyHz <=
                     GreatestFrequencyHz(ToPathlossModel(config.scenario)),
                 cell + ", frequency_hz",
                 config.carrier.frequencyHz,
                 "at most 30e9 in scenario RMa");
    m_channel->AddGnb(config);
    m_handover->AddGnb(config);
    m_cells.push_back({.name = config.name, .carrier = config.carrier, .isNtn = false});
    m_cells.back().numPrbs = CarrierPrbs(config.carrier);
    return static_cast<uint32_t>(m_cells.size() - 1);
}

uint32_t
RanNetwork::AddNtnCell(const NtnCellConfig& config)
{
    RequireBeforeStart("cell " + config.name);
    CheckCarrier(config.name, config.carrier);
    const std::string cell = "cell " + config.name;
    RequireInput(config.minElevationDeg >= 0 && config.minElevationDeg <= 90,
                 cell + ", min_elevation_deg",
                 config.minElevationDeg,
                 "0 .. 90");
    RequireInput(std::abs(config.beamOffset.aheadDeg) <= 60,
                 cell + ", beam_offset.ahead_deg",
                 config.beamOffset.aheadDeg,
                 "-60 .. 60");
    RequireInput(std::abs(config.beamOffset.leftDeg) <= 60,
                 cell + ", beam_offset.left_deg",
                 config.beamOffset.leftDeg,
                 "-60 .. 60");
    m_channel->AddNtnCell(config);
    m_handover->AddNtnCell(config);
    m_cells.push_back(
        {.name = config.name,
         .carrier = config.carrier,
         .isNtn = true,
         .coreDelay = config.coreDelay,
         .gnbOnBoard = config.gateway && config.gateway->GetPayload() == Payload::REGENERATIVE});
    m_cells.back().numPrbs = CarrierPrbs(config.carrier);
    return static_cast<uint32_t>(m_cells.size() - 1);
}

uint32_t
RanNetwork::AddUe(Ptr<MobilityModel> mobility)
{
    RequireBeforeStart("user");
    RequireInput(mobility != nullptr, "user, mobility", "none", "a mobility model");
    m_channel->AddUe(mobility);
    m_handover->AddUe(mobility);
    m_ues.emplace_back();
    return static_cast<uint32_t>(m_ues.size() - 1);
}

uint32_t
RanNetwork::AddFlow(uint32_t ueIndex, uint32_t sliceId, Time delayBudget, const FlowConfig& config)
{
    CheckFlow(ueIndex, sliceId, delayBudget, config);
    const uint32_t flow = m_flows.Add(ueIndex, sliceId, delayBudget, config);
    m_ues[ueIndex].flows.push_back(flow);
    ++m_ues[ueIndex].links[config.direction].numFlows;
    m_hasUplink = m_hasUplink || config.direction == UPLINK;
    return flow;
}

void
RanNetwork::CheckFlow(uint32_t ueIndex,
                      uint32_t sliceId,
                      Time delayBudget,
                      const FlowConfig& config) const
{
    RequireBeforeStart("flow");
    RequireIndex("flow, user", ueIndex, m_ues.size());
    RequireIndex("flow, slice", sliceId, m_numSlices);
    RequireInput(delayBudget.IsStrictlyPositive(),
                 "flow, delay_budget",
                 delayBudget.As(Time::MS),
                 "above 0");
    const bool configured = config.configuredGrantBytes > 0;
    RequireInput(!configured || config.direction == UPLINK,
                 "flow, direction of a configured grant",
                 "the downlink",
                 "the uplink");
    RequireInput(!configured || config.configuredGrantPeriod.IsStrictlyPositive(),
                 "flow, configured_grant_period",
                 config.configuredGrantPeriod.As(Time::MS),
                 "above 0");
}

void
RanNetwork::SetMiniSlots(uint32_t sliceId, uint32_t symbols)
{
    SetMiniSlots(sliceId, symbols, DOWNLINK);
    SetMiniSlots(sliceId, symbols, UPLINK);
}

void
RanNetwork::SetMiniSlots(uint32_t sliceId, uint32_t symbols, Direction direction)
{
    RequireBeforeStart("mini-slots");
    RequireIndex("mini-slots, slice", sliceId, m_numSlices);
    RequireInput(symbols == 2 || symbols == 4 || symbols == 7,
                 "slice " + std::to_string(sliceId) + ", mini_slot_symbols",
                 symbols,
                 "2, 4 or 7");
    m_miniSymbols[direction].resize(m_numSlices, 0);
    m_miniSymbols[direction][sliceId] = symbols;
}

void
RanNetwork::SetTargetBler(uint32_t sliceId, double blockErrorRate)
{
    RequireBeforeStart("target_bler");
    RequireIndex("target_bler, slice", sliceId, m_numSlices);
    RequireInput(blockErrorRate >= 1e-6 && blockErrorRate <= 0.5,
                 "slice " + std::to_string(sliceId) + ", target_bler",
                 blockErrorRate,
                 "1e-6 .. 0.5");
    m_targets.push_back(blockErrorRate);
    m_loopOfSlice.resize(m_numSlices, 0);
    m_loopOfSlice[sliceId] = m_targets.size();
}

size_t
RanNetwork::GetLoop(uint32_t sliceId) const
{
    return m_loopOfSlice.empty() ? 0 : m_loopOfSlice[sliceId];
}

int64_t
RanNetwork::AssignStreams(int64_t stream)
{
    m_decoding->SetStream(stream);
    return 1 + m_channel->AssignStreams(stream + 1);
}

void
RanNetwork::MakeBlocks(Cell& cell) const
{
    const auto& carrier = cell.carrier;
    const auto make = [&](Direction direction, uint32_t symbols, uint32_t numLayers)
    {
        auto& sizes = cell.sides[direction].blocks[symbols];
        if (symbols > 0 && sizes.empty())
        {
            sizes = MakeBlockSizes(carrier, cell.numPrbs, symbols, numLayers);
        }
    };
    make(DOWNLINK, SYMBOLS_PER_SLOT, carrier.numLayers);
    make(DOWNLINK, DownlinkSymbols('S'), carrier.numLayers);
    for (const uint32_t symbols : m_miniSymbols[DOWNLINK])
    {
        make(DOWNLINK, symbols, carrier.numLayers);
    }
    if (!m_hasUplink)
    {
        return;
    }
    auto& up = cell.sides[UPLINK].blocks; // users send one layer
    if (carrier.numLayers == 1)
    {
        up[SYMBOLS_PER_SLOT] = cell.sides[DOWNLINK].blocks[SYMBOLS_PER_SLOT];
    }
    make(UPLINK, SYMBOLS_PER_SLOT, 1);
    for (const uint32_t symbols : m_miniSymbols[UPLINK])
    {
        make(UPLINK, symbols, 1);
    }
}

void
RanNetwork::Start()
{
    RequireBeforeStart("start");
    RequireInput(!m_cells.empty(), "start, cells", "none", "at least one");
    RequireInput(!m_ues.empty(), "start, users", "none", "at least one");
    m_started = true;
    m_begin = Simulator::Now();
    m_states.assign(m_flows.GetFlows().size(), {});
    m_channel->SetPowerControl(m_ueTxPowerDbm, m_uplinkP0Dbm, m_uplinkAlpha);
    uint8_t finest = 0;
    for (const auto& cell : m_cells)
    {
        finest = std::max(finest, cell.carrier.numerology);
    }
    m_tick = NanoSeconds(SlotNs(finest));
    const std::vector<double> equal(m_numSlices, 1.0);
    for (auto& cell : m_cells)
    {
        cell.slotTicks = 1U << (finest - cell.carrier.numerology);
        cell.slot = NanoSeconds(SlotNs(cell.carrier.numerology));
        cell.uplinkWait = UplinkWaits(cell.carrier.slotPattern);
        MakeBlocks(cell);
        const uint32_t unit = m_resourceUnit == ResourceUnit::RBG ? RbgPrbs(cell.numPrbs) : 1;
        for (const auto direction : {DOWNLINK, UPLINK})
        {
            Side& side = cell.sides[direction];
            side.miniSlots.resize(m_miniSymbols[direction].size());
            side.reports.assign(m_numSlices, {});
            side.scheduler.Configure(m_policy, m_borrowing, unit);
            for (const uint32_t prbs : LargestRemainder(equal, cell.numPrbs))
            {
                side.quotas.push_back({0, prbs, cell.numPrbs});
            }
        }
        RateThresholds::ForTable(cell.carrier.mcsTable);
    }
    m_channel->Start();
    m_handover->Start(m_channel.get(), m_handoverPeriod);
    UpdateServingCells();
    m_nextSlot = Simulator::ScheduleNow(&RanNetwork::RunSlot, this);
}

void
RanNetwork::EnterQueue(uint32_t flowId, Ptr<const Packet> packet, Time created)
{
    const auto& flow = m_flows.GetFlows()[flowId];
    const uint32_t serving = m_ues[flow.ueIndex].servingCell;
    const bool full = flow.queueBytes + packet->GetSize() > m_queueLimitBytes;
    if (serving == NO_CELL || full)
    {
        const auto cause = full ? DropCause::OVERFLOW : DropCause::NO_COVERAGE;
        m_flows.Refuse(flowId, cause);
        if (serving != NO_CELL)
        {
            auto& report = m_cells[serving].sides[flow.config.direction].reports[flow.sliceId];
            report.offeredBytes += packet->GetSize();
            report.droppedBytes += packet->GetSize();
        }
        m_dropped.IsNull() ? void() : m_dropped(flowId, packet, cause);
        return;
    }
    m_cells[serving].sides[flow.config.direction].reports[flow.sliceId].offeredBytes +=
        packet->GetSize();
    const Direction direction = flow.config.direction;
    const uint32_t sliceId = flow.sliceId;
    m_flows.Push(flowId, std::move(packet), created);
    if (HasMiniSlots(direction, sliceId))
    {
        PlanMiniSlot(serving, direction, sliceId);
    }
}

void
RanNetwork::EnableProfile()
{
    m_profile.Enable();
}

const SlotProfile&
RanNetwork::GetProfile() const
{
    return m_profile;
}

uint64_t
RanNetwork::GetNumSlots() const
{
    uint64_t slots = 0;
    for (const auto& cell : m_cells)
    {
        slots += m_tickCount / cell.slotTicks;
    }
    return slots;
}

void
RanNetwork::SetDeliveredCallback(DeliveredCallback callback)
{
    m_delivered = callback;
}

void
RanNetwork::SetDroppedCallback(DroppedCallback callback)
{
    m_dropped = callback;
}

void
RanNetwork::SetPrbQuota(uint32_t cellIndex, uint32_t sliceId, const PrbQuota& quota)
{
    SetPrbQuota(cellIndex, sliceId, quota, DOWNLINK);
    SetPrbQuota(cellIndex, sliceId, quota, UPLINK);
}

void
RanNetwork::SetPrbQuota(uint32_t cellIndex,
                        uint32_t sliceId,
                        const PrbQuota& quota,
                        Direction direction)
{
    RequireInput(m_started, "quota", "a call before Start", "one after it");
    RequireIndex("quota, cell", cellIndex, m_cells.size());
    RequireIndex("quota, slice", sliceId, m_numSlices);
    ValidateQuota(quota, m_cells[cellIndex].numPrbs, m_cells[cellIndex].name, sliceId);
    Side& side = m_cells[cellIndex].sides[direction];
    side.quotas[sliceId] = quota;
    side.quotasChanged = true;
}

} // namespace qntn
