// SPDX-License-Identifier: GPL-2.0-only
#include "ran/ran-network.h"

#include "ran/bler.h"
#include "ran/nr-tables.h"
#include "ran/quota.h"
#include "ran/tbs.h"

#include "ns3/abort.h"
#include "ns3/assert.h"
#include "ns3/boolean.h"
#include "ns3/double.h"
#include "ns3/enum.h"
#include "ns3/simulator.h"
#include "ns3/uinteger.h"

#include <algorithm>
#include <cmath>

namespace qntn
{

using namespace ns3;

NS_OBJECT_ENSURE_REGISTERED(RanNetwork);

namespace
{

constexpr int64_t FEEDBACK_SLOTS = 4;   ///< from a block to its acknowledgement, beside light
constexpr double RATE_MEMORY_S = 0.1;   ///< of proportional fairness
constexpr int64_t FADING_PERIOD_MS = 5; ///< fine enough for 60 Hz of Doppler
constexpr int64_t CHECK_TICKS = 1000;   ///< between full checks of the accounts

/// [mcs][PRBs] for one number of symbols.
std::vector<std::vector<uint32_t>>
MakeBlockSizes(const CarrierConfig& carrier, uint32_t numPrbs, uint32_t numSymbols)
{
    std::vector<std::vector<uint32_t>> sizes(NumMcs(carrier.mcsTable));
    for (uint32_t mcs = 0; mcs < sizes.size(); ++mcs)
    {
        sizes[mcs].push_back(0);
        for (uint32_t prbs = 1; prbs <= numPrbs; ++prbs)
        {
            sizes[mcs].push_back(
                TbsBits(prbs, mcs, carrier.mcsTable, numSymbols, 12, 0, carrier.numLayers));
        }
    }
    return sizes;
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
            .AddAttribute("CqiPeriod",
                          "Time between two channel reports of a user.",
                          TimeValue(MilliSeconds(5)),
                          MakeTimeAccessor(&RanNetwork::m_cqiPeriod),
                          MakeTimeChecker(MicroSeconds(500)))
            .AddAttribute("HandoverPeriod",
                          "Time between two looks at which cell serves a user best.",
                          TimeValue(MilliSeconds(40)),
                          MakeTimeAccessor(&RanNetwork::m_handoverPeriod),
                          MakeTimeChecker(MilliSeconds(1)))
            .AddAttribute("HandoverInterruption",
                          "How long a user receives nothing when it changes its cell.",
                          TimeValue(MilliSeconds(30)),
                          MakeTimeAccessor(&RanNetwork::m_handoverInterruption),
                          MakeTimeChecker(Seconds(0)))
            .AddAttribute(
                "HandoverHysteresisDb",
                "By how much another gNB must be stronger (event A3, TS 38.331, 5.5.4.4).",
                DoubleValue(3),
                MakeDoubleAccessor(&RanNetwork::m_handoverHysteresisDb),
                MakeDoubleChecker<double>(0, 30))
            .AddAttribute("NtnThresholdDb",
                          "A user goes to a satellite when no gNB reaches it with this SNR.",
                          DoubleValue(-6),
                          MakeDoubleAccessor(&RanNetwork::m_ntnThresholdDb),
                          MakeDoubleChecker<double>(-30, 60))
            .AddAttribute("TargetBler",
                          "Block error rate that link adaptation aims at.",
                          DoubleValue(0.1),
                          MakeDoubleAccessor(&RanNetwork::m_targetBler),
                          MakeDoubleChecker<double>(1e-6, 0.5))
            .AddAttribute("MaxTransmissions",
                          "How often a transport block is sent before it is given up.",
                          UintegerValue(4),
                          MakeUintegerAccessor(&RanNetwork::m_maxTransmissions),
                          MakeUintegerChecker<uint32_t>(1, 16));
    return tid;
}

RanNetwork::RanNetwork()
    : m_channel(std::make_unique<RadioChannel>()), m_decoding(CreateObject<UniformRandomVariable>())
{
}

RanNetwork::~RanNetwork() = default;

void
RanNetwork::DoDispose()
{
    m_channel.reset();
    m_delivered = {};
    m_dropped = {};
    Object::DoDispose();
}

uint32_t
RanNetwork::AddGnb(const GnbConfig& config)
{
    NS_ABORT_MSG_IF(m_started, "gNB " << config.name << " is added after Start");
    Validate(config.carrier);
    m_channel->AddGnb(config);
    m_cells.push_back({.name = config.name, .carrier = config.carrier, .isNtn = false});
    return static_cast<uint32_t>(m_cells.size() - 1);
}

uint32_t
RanNetwork::AddNtnCell(const NtnCellConfig& config)
{
    NS_ABORT_MSG_IF(m_started, "satellite " << config.name << " is added after Start");
    Validate(config.carrier);
    m_channel->AddNtnCell(config);
    m_cells.push_back({.name = config.name,
                       .carrier = config.carrier,
                       .isNtn = true,
                       .coreDelay = config.coreDelay});
    return static_cast<uint32_t>(m_cells.size() - 1);
}

uint32_t
RanNetwork::AddUe(Ptr<MobilityModel> mobility)
{
    NS_ABORT_MSG_IF(m_started, "a user is added after Start");
    m_channel->AddUe(mobility);
    m_ues.emplace_back();
    return static_cast<uint32_t>(m_ues.size() - 1);
}

uint32_t
RanNetwork::AddFlow(uint32_t ueIndex, uint32_t sliceId, Time delayBudget)
{
    NS_ABORT_MSG_IF(ueIndex >= m_ues.size(), "flow: no user " << ueIndex << " of " << m_ues.size());
    NS_ABORT_MSG_IF(sliceId >= m_numSlices,
                    "flow: found slice " << sliceId << ", expected 0 .. " << m_numSlices - 1);
    NS_ABORT_MSG_IF(!delayBudget.IsStrictlyPositive(), "flow: the delay budget must be above 0");
    const uint32_t flow = m_flows.Add(ueIndex, sliceId, delayBudget);
    m_ues[ueIndex].flows.push_back(flow);
    return flow;
}

int64_t
RanNetwork::AssignStreams(int64_t stream)
{
    m_decoding->SetStream(stream);
    return 1 + m_channel->AssignStreams(stream + 1);
}

void
RanNetwork::Start()
{
    NS_ABORT_MSG_IF(m_started, "RanNetwork::Start is called twice");
    NS_ABORT_MSG_IF(m_cells.empty() || m_ues.empty(), "RanNetwork::Start: no cell or no user");
    m_started = true;
    m_scheduler.Configure(m_policy, m_borrowing);
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
        cell.numPrbs = NumPrbs(cell.carrier.bandwidthHz,
                               cell.carrier.numerology,
                               cell.carrier.frequencyHz > 24e9);
        cell.fullBlocks = MakeBlockSizes(cell.carrier, cell.numPrbs, SYMBOLS_PER_SLOT);
        cell.specialBlocks = MakeBlockSizes(cell.carrier, cell.numPrbs, DownlinkSymbols('S'));
        cell.reports.assign(m_numSlices, {});
        for (const uint32_t prbs : LargestRemainder(equal, cell.numPrbs))
        {
            cell.quotas.push_back({0, prbs, cell.numPrbs});
        }
        RateThresholds::ForTable(cell.carrier.mcsTable);
    }
    m_channel->Start();
    UpdateServingCells();
    Simulator::ScheduleNow(&RanNetwork::RunSlot, this);
}

void
RanNetwork::Enqueue(uint32_t flowId, Ptr<const Packet> packet, Time created)
{
    NS_ASSERT_MSG(m_started && flowId < m_flows.GetFlows().size(), "no flow " << flowId);
    const auto& flow = m_flows.GetFlows()[flowId];
    const uint32_t serving = m_ues[flow.ueIndex].servingCell;
    const bool full = flow.queueBytes + packet->GetSize() > m_queueLimitBytes;
    if (serving == NO_CELL || full)
    {
        const auto cause = full ? DropCause::OVERFLOW : DropCause::NO_COVERAGE;
        m_flows.Refuse(flowId, cause);
        if (serving != NO_CELL)
        {
            auto& report = m_cells[serving].reports[flow.sliceId];
            report.offeredBytes += packet->GetSize();
            report.droppedBytes += packet->GetSize();
        }
        m_dropped.IsNull() ? void() : m_dropped(flowId, packet, cause);
        return;
    }
    m_cells[serving].reports[flow.sliceId].offeredBytes += packet->GetSize();
    m_flows.Push(flowId, std::move(packet), created);
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
    NS_ABORT_MSG_IF(cellIndex >= m_cells.size(),
                    "quota: no cell " << cellIndex << " of " << m_cells.size());
    NS_ABORT_MSG_IF(!m_started || sliceId >= m_numSlices,
                    "quota: found slice " << sliceId << ", expected 0 .. " << m_numSlices - 1
                                          << ", after Start");
    m_cells[cellIndex].quotas[sliceId] = quota;
    m_cells[cellIndex].quotasChanged = true;
}

void
RanNetwork::RunSlot()
{
    const Time now = Simulator::Now();
    auto due = [&](Time period) { return now.GetNanoSeconds() % period.GetNanoSeconds() == 0; };
    if (m_tickCount > 0 && due(m_handoverPeriod))
    {
        m_channel->UpdateLargeScale();
        UpdateServingCells();
    }
    if (due(MilliSeconds(FADING_PERIOD_MS)))
    {
        std::vector<uint32_t> serving;
        std::ranges::transform(m_ues, std::back_inserter(serving), &Ue::servingCell);
        m_channel->UpdateFading(serving, 1e-3 * FADING_PERIOD_MS);
    }
    if (due(m_cqiPeriod))
    {
        MeasureCqi();
    }
    DiscardLatePackets();
    for (uint32_t c = 0; c < m_cells.size(); ++c)
    {
        Schedule(c);
    }
    for (uint32_t c = 0; c < m_cells.size(); ++c)
    {
        Transmit(c);
    }
    const double memory = m_tick.GetSeconds() / RATE_MEMORY_S;
    for (auto& ue : m_ues)
    {
        ue.averageRateBps += memory * (ue.sentBits / m_tick.GetSeconds() - ue.averageRateBps);
        ue.sentBits = 0;
    }
    if (m_tickCount % CHECK_TICKS == 0)
    {
        Check();
    }
    ++m_tickCount;
    Simulator::Schedule(m_tick, &RanNetwork::RunSlot, this);
}

void
RanNetwork::DiscardLatePackets()
{
    const Time now = Simulator::Now();
    const auto& flows = m_flows.GetFlows();
    FinishedPacket late;
    for (uint32_t f = 0; f < flows.size(); ++f)
    {
        while (m_flows.DiscardOlderThan(f, now - flows[f].delayBudget, late))
        {
            const uint32_t serving = m_ues[flows[f].ueIndex].servingCell;
            if (serving != NO_CELL)
            {
                m_cells[serving].reports[flows[f].sliceId].lateBytes += late.packet->GetSize();
            }
            m_dropped.IsNull() ? void() : m_dropped(f, late.packet, DropCause::LATE);
        }
    }
}

void
RanNetwork::Schedule(uint32_t cellIndex)
{
    Cell& cell = m_cells[cellIndex];
    cell.grants.clear();
    cell.symbols = 0;
    if (m_tickCount % cell.slotTicks != 0 || !m_channel->IsAvailable(cellIndex))
    {
        m_channel->SetActivity(cellIndex, {});
        return;
    }
    const uint64_t slot = m_tickCount / cell.slotTicks;
    cell.symbols =
        DownlinkSymbols(cell.carrier.slotPattern[slot % cell.carrier.slotPattern.size()]);
    if (cell.symbols == 0)
    {
        m_channel->SetActivity(cellIndex, {});
        return;
    }
    if (cell.quotasChanged)
    {
        ValidateQuotas(cell.quotas, cell.numPrbs, cell.name);
        cell.quotasChanged = false;
    }

    const Time now = Simulator::Now();
    const auto& thresholds = RateThresholds::ForTable(cell.carrier.mcsTable);
    const auto& sizes = cell.symbols == SYMBOLS_PER_SLOT ? cell.fullBlocks : cell.specialBlocks;
    const double slots_per_s = 1e9 / static_cast<double>(SlotNs(cell.carrier.numerology));
    std::vector<Candidate> candidates;
    for (uint32_t u = 0; u < m_ues.size(); ++u)
    {
        Ue& ue = m_ues[u];
        if (ue.servingCell != cellIndex || now < ue.interruptedUntil)
        {
            continue;
        }
        for (uint32_t slice = 0; slice < m_numSlices; ++slice)
        {
            if (const auto* block = ue.harq.PeekDue(slice, now); block != nullptr)
            {
                candidates.push_back({block->flow,
                                      slice,
                                      true,
                                      block->mcs,
                                      block->numPrbs,
                                      now,
                                      1,
                                      ue.averageRateBps});
            }
        }
        const bool mayStart =
            ue.harq.CanStart(now, cell.isNtn ? NUM_HARQ_PROCESSES_NTN : NUM_HARQ_PROCESSES);
        if (!mayStart)
        {
            continue;
        }
        const uint32_t mcs = ue.link.SelectMcs(thresholds, now);
        for (const uint32_t f : ue.flows)
        {
            const auto& flow = m_flows.GetFlows()[f];
            if (flow.queueBytes == 0)
            {
                continue;
            }
            // a header of 6 bytes for each packet of the queue, and one for the cut
            const double wanted_bits =
                8.0 * (static_cast<double>(flow.queueBytes) + 6.0 * (flow.queue.size() + 1.0));
            const auto enough = std::ranges::lower_bound(sizes[mcs], wanted_bits);
            const auto prbs = std::min<ptrdiff_t>(enough - sizes[mcs].begin(), cell.numPrbs);
            candidates.push_back({f,
                                  flow.sliceId,
                                  false,
                                  mcs,
                                  static_cast<uint32_t>(prbs),
                                  m_flows.GetOldest(f) + flow.delayBudget,
                                  sizes[mcs].back() * slots_per_s,
                                  ue.averageRateBps});
        }
    }

    // cells of one frequency begin at other PRBs, so that at low load they do not meet
    const uint32_t first = cellIndex * cell.numPrbs / static_cast<uint32_t>(m_cells.size());
    cell.grants = m_scheduler.Schedule(candidates, cell.quotas, cell.numPrbs, first);
    RadioChannel::Subbands activity{};
    const double share = static_cast<double>(RadioChannel::NUM_SUBBANDS) / cell.numPrbs;
    for (const auto& grant : cell.grants)
    {
        cell.reports[grant.candidate.sliceId].prbSlotsUsed += grant.numPrbs;
        for (uint32_t i = 0; i < grant.numPrbs; ++i)
        {
            const uint32_t prb = (grant.firstPrb + i) % cell.numPrbs;
            activity[prb * RadioChannel::NUM_SUBBANDS / cell.numPrbs] += share;
        }
    }
    m_channel->SetActivity(cellIndex, activity);
    for (uint32_t slice = 0; slice < m_numSlices; ++slice)
    {
        cell.reports[slice].prbSlotsQuota += cell.quotas[slice].minimum;
    }
}

void
RanNetwork::Transmit(uint32_t cellIndex)
{
    Cell& cell = m_cells[cellIndex];
    const Time now = Simulator::Now();
    const auto& sizes = cell.symbols == SYMBOLS_PER_SLOT ? cell.fullBlocks : cell.specialBlocks;
    for (const auto& grant : cell.grants)
    {
        const auto& candidate = grant.candidate;
        Ue& ue = m_ues[m_flows.GetFlows()[candidate.flow].ueIndex];
        if (candidate.retransmission)
        {
            Decode(cellIndex, ue.harq.TakeDue(candidate.sliceId, now), grant.firstPrb);
            continue;
        }
        TransportBlock block{.flow = candidate.flow,
                             .sliceId = candidate.sliceId,
                             .numPrbs = grant.numPrbs,
                             .mcs = candidate.mcs,
                             .bits = sizes[candidate.mcs][grant.numPrbs],
                             .due = now,
                             .segments = {}};
        block.segments = m_flows.Take(candidate.flow, block.bits / 8);
        if (!block.segments.empty())
        {
            ++cell.reports[candidate.sliceId].transportBlocks;
            Decode(cellIndex, std::move(block), grant.firstPrb);
        }
    }
}

void
RanNetwork::Decode(uint32_t cellIndex, TransportBlock&& block, uint32_t firstPrb)
{
    Cell& cell = m_cells[cellIndex];
    const uint32_t ueIndex = m_flows.GetFlows()[block.flow].ueIndex;
    Ue& ue = m_ues[ueIndex];
    const Time slot = NanoSeconds(SlotNs(cell.carrier.numerology));
    const Time arrival = slot + GetPropagationDelay(cellIndex, ueIndex);
    const Time feedback = arrival + arrival - slot + FEEDBACK_SLOTS * slot;

    block.combinedSinr +=
        m_channel->GetSinr(cellIndex, ueIndex, firstPrb, block.numPrbs, cell.numPrbs);
    ++block.transmissions;
    const double sinr_db = 10 * std::log10(block.combinedSinr + 1e-30);
    const Mcs scheme = McsParameters(block.mcs, cell.carrier.mcsTable);
    const uint32_t codeBlocks = NumCodeBlocks(block.bits, scheme.codeRate);
    const double codeBlockError =
        Bler(sinr_db, block.mcs, cell.carrier.mcsTable, block.bits / codeBlocks);
    const bool arrived = m_decoding->GetValue() < std::pow(1 - codeBlockError, codeBlocks);

    auto& report = cell.reports[block.sliceId];
    if (block.transmissions == 1)
    {
        ue.link.Learn(arrived, m_targetBler);
        report.failedBlocks += !arrived;
    }
    if (arrived)
    {
        ue.sentBits += block.bits;
        ue.harq.Acknowledge(Simulator::Now() + feedback);
        auto whole = m_flows.Arrive(block.segments);
        for (const auto& packet : whole)
        {
            report.deliveredBytes += packet.packet->GetSize();
        }
        if (!whole.empty())
        {
            Simulator::Schedule(arrival,
                                [this, flow = block.flow, whole = std::move(whole)]
                                {
                                    for (const auto& packet : whole)
                                    {
                                        m_flows.CountDelivered(flow);
                                        m_delivered.IsNull()
                                            ? void()
                                            : m_delivered(flow, packet.packet, packet.created);
                                    }
                                });
        }
    }
    else if (block.transmissions < m_maxTransmissions)
    {
        block.due = Simulator::Now() + feedback;
        ue.harq.Retry(std::move(block));
    }
    else
    {
        ue.harq.Acknowledge(Simulator::Now() + feedback);
        for (const auto& packet : m_flows.Lose(block.segments))
        {
            report.droppedBytes += packet.packet->GetSize();
            m_dropped.IsNull() ? void() : m_dropped(block.flow, packet.packet, DropCause::RADIO);
        }
    }
}

} // namespace qntn
