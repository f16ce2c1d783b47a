// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_RAN_NETWORK_H
#define QNTN_RAN_RAN_NETWORK_H

#include "ran/buffer-status.h"
#include "ran/flow-queue.h"
#include "ran/handover-control.h"
#include "ran/harq.h"
#include "ran/link-adaptation.h"
#include "ran/radio-channel.h"
#include "ran/ran-types.h"
#include "ran/slice-scheduler.h"
#include "ran/slot-profile.h"

#include "ns3/callback.h"
#include "ns3/event-id.h"
#include "ns3/mobility-model.h"
#include "ns3/object.h"
#include "ns3/packet.h"

#include <array>
#include <deque>
#include <memory>
#include <vector>

namespace qntn
{

/// Radio access of a few gNBs and satellites, packet by packet and in both directions: traffic
/// enters at SDAP and leaves at the other side.
///
/// One event a slot serves all cells. In each slot a cell divides its PRBs between slices by quota
/// (SliceScheduler), cuts packets into transport blocks of exactly the size that TS 38.214 gives
/// them, and draws from the block error rate at the block's SINR whether they arrive; what does not
/// is sent again (HarqEntity). Cells on the same frequency interfere where they transmit in the
/// same slot.
///
/// Order of use: AddGnb / AddNtnCell / AddUe / AddFlow, AssignStreams, Start, then Enqueue.
class RanNetwork : public ns3::Object
{
  public:
    using DeliveredCallback = ns3::Callback<void, uint32_t, ns3::Ptr<const ns3::Packet>, ns3::Time>;
    using DroppedCallback = ns3::Callback<void, uint32_t, ns3::Ptr<const ns3::Packet>, DropCause>;

    static ns3::TypeId GetTypeId();
    RanNetwork();
    ~RanNetwork() override;

    /// \return index of the cell, counted over both kinds
    /// \throws InputError, as all that configures: which field, what was found and expected
    uint32_t AddGnb(const GnbConfig& config);
    uint32_t AddNtnCell(const NtnCellConfig& config);
    /// A user; its mobility model tells where it is. \return its index
    uint32_t AddUe(ns3::Ptr<ns3::MobilityModel> mobility);
    /// Packets of one slice to one user, useless when older than \p delayBudget. \return its id
    uint32_t AddFlow(uint32_t ueIndex,
                     uint32_t sliceId,
                     ns3::Time delayBudget,
                     const FlowConfig& config = {});
    /// Refuses what AddFlow would refuse, and adds nothing.
    void CheckFlow(uint32_t ueIndex,
                   uint32_t sliceId,
                   ns3::Time delayBudget,
                   const FlowConfig& config = {}) const;

    /// Blocks of a slice are 2, 4 or 7 symbols long (PDSCH and PUSCH mapping type B, TS 38.214 V17,
    /// 5.1.2.1 and 6.1.2.1), several to a slot, and begin within it. Its minimum is kept for it in
    /// the whole slot; it does not borrow.
    void SetMiniSlots(uint32_t sliceId, uint32_t symbols);
    /// The same in one direction.
    void SetMiniSlots(uint32_t sliceId, uint32_t symbols, Direction direction);

    /// Link adaptation aims at this block error rate for a slice's blocks, 1e-6 .. 0.5, in place of
    /// the attribute TargetBler: 1e-5 for URLLC (TS 38.214 V17, 5.2.2.1).
    void SetTargetBler(uint32_t sliceId, double blockErrorRate);

    /// Begins with the first slot now. Each slice starts with an equal quota.
    void Start();

    /// A packet for a flow arrives at the cell that serves its user.
    /// \param created when it was made, for its age and delay budget
    void Enqueue(uint32_t flowId, ns3::Ptr<const ns3::Packet> packet, ns3::Time created);

    /// Called with flow, packet and creation time when a packet has arrived.
    void SetDeliveredCallback(DeliveredCallback callback);
    /// Called with flow, packet and cause when a packet is lost.
    void SetDroppedCallback(DroppedCallback callback);

    /// How many PRBs a slice gets in a cell from the next slot on, in both directions.
    void SetPrbQuota(uint32_t cellIndex, uint32_t sliceId, const PrbQuota& quota);
    /// The same in one direction.
    void SetPrbQuota(uint32_t cellIndex,
                     uint32_t sliceId,
                     const PrbQuota& quota,
                     Direction direction);

    uint32_t GetNumCells() const;
    uint32_t GetNumSlices() const;
    uint32_t GetNumUes() const;
    uint32_t GetNumUes(uint32_t cellIndex) const; ///< that the cell serves now
    uint32_t GetNumPrbs(uint32_t cellIndex) const;
    /// Whether a cell is on: a satellite above its least elevation, any gNB.
    bool IsAvailable(uint32_t cellIndex) const;
    /// Of a satellite above its beam's centre, degrees; 90 for a gNB.
    double GetElevationDeg(uint32_t cellIndex) const;
    /// Between a user and its gNB: of light on the service link and, where the gNB stands at the
    /// gateway of a transparent payload, on the feeder link.
    ns3::Time GetPropagationDelay(uint32_t cellIndex, uint32_t ueIndex) const;
    /// Between a gateway and a gNB on board, over links between satellites too. Packets take it
    /// beside the propagation delay; HARQ does not.
    ns3::Time GetBackhaulDelay(uint32_t cellIndex) const;
    /// The cell that serves a user, or NO_CELL.
    uint32_t GetServingCell(uint32_t ueIndex) const;
    uint64_t GetNumHandovers() const;
    /// What moves users between cells: its attributes are set before Start.
    HandoverControl& GetHandoverControl() const;
    /// What mobility did to a user, or to all, since the start.
    MobilityReport GetMobility(uint32_t ueIndex) const;
    MobilityReport GetMobility() const;

    /// A cell fails, or works again: it loses what is on the air, and its users notice by
    /// themselves.
    /// \throws InputError for a cell that there is not
    void SetOutage(uint32_t cellIndex, bool fails);
    /// The same at two times to come.
    /// \throws InputError for a cell that there is not, a start in the past, an end before it
    void ScheduleOutage(uint32_t cellIndex, ns3::Time start, ns3::Time end);
    /// SINR that a user last measured, dB.
    double GetSinrDb(uint32_t ueIndex) const;
    /// The same that its base station measures of one PRB, dB.
    double GetUplinkSinrDb(uint32_t ueIndex) const;

    /// What a slice did in a cell since the last call.
    SliceReport TakeReport(uint32_t cellIndex, uint32_t sliceId, Direction direction = DOWNLINK);
    FlowAccount GetAccount(uint32_t flowId) const;
    /// How often the sender of a flow in acknowledged mode has polled anew because no status came
    /// (t-PollRetransmit, TS 38.322 V17, 5.3.3.4).
    uint64_t GetPollRetransmissions(uint32_t flowId) const;
    /// What the radio did for a flow, or in a cell.
    const RadioUse& GetUse(uint32_t flowId) const;
    const RadioUse& GetCellUse(uint32_t cellIndex, Direction direction) const;
    /// PRBs times symbols that a cell has had for data.
    uint64_t GetOfferedPrbSymbols(uint32_t cellIndex, Direction direction) const;
    /// Asserts for each flow: sent = delivered + dropped + in flight.
    void Check() const;

    /// Measures from now on where the time of slots goes.
    void EnableProfile();
    const SlotProfile& GetProfile() const;
    uint64_t GetNumSlots() const; ///< that have passed, over all cells

    /// Fixes the streams of all random variables. \return how many were used
    int64_t AssignStreams(int64_t stream);

  protected:
    void DoDispose() override;

  private:
    /// One direction of a slice with mini-slots in a cell.
    struct MiniSlots
    {
        uint32_t firstPrb{0};   ///< of what is kept for it in the present slot
        uint32_t prbSymbols{0}; ///< used, less than a PRB times a slot
        ns3::EventId next{};
    };

    /// One direction of a cell.
    struct Side
    {
        using BlockSizes = std::vector<std::vector<uint32_t>>; ///< TBS, bits, by MCS and PRBs

        std::vector<PrbQuota> quotas{};                        ///< by slice
        bool quotasChanged{false};                             ///< and are to be checked
        std::array<BlockSizes, SYMBOLS_PER_SLOT + 1> blocks{}; ///< by symbols, those that occur
        std::vector<SliceReport> reports{};                    ///< by slice
        std::vector<SliceGrant> grants{};                      ///< of the present slot
        uint32_t symbols{0};                                   ///< in the present slot
        uint32_t slotSymbols{0};            ///< of the slot that began at Cell::slotBegan
        std::vector<MiniSlots> miniSlots{}; ///< by slice, empty if none has any
        SliceScheduler scheduler{};
        RadioUse use{};
        uint64_t offeredPrbSymbols{0};
    };

    struct Cell
    {
        std::string name;
        CarrierConfig carrier;
        bool isNtn;
        ns3::Time coreDelay{};
        bool gnbOnBoard{false}; ///< of a satellite whose traffic comes from a gateway
        uint32_t numPrbs{0};
        uint32_t slotTicks{1};              ///< ticks a slot; the shortest slot is a tick
        ns3::Time slot{};                   ///< its length
        std::vector<uint32_t> uplinkWait{}; ///< by slot of the pattern: slots to the next uplink
        std::array<Side, NUM_DIRECTIONS> sides{};
        std::vector<uint32_t> users{}; ///< that it serves in the present slot
        ns3::Time slotBegan{};
    };

    /// One direction of a user.
    struct Link
    {
        LinkAdaptation adaptation;
        HarqEntity harq;
        uint32_t numFlows{0};
    };

    struct Ue
    {
        uint32_t servingCell{NO_CELL};
        ns3::Time interruptedUntil;
        ns3::Time forwardedUntil; ///< what comes before is sent on to the new cell
        std::vector<uint32_t> flows;
        std::array<Link, NUM_DIRECTIONS> links;
        double powerCommandDb{0};   ///< on its way to the user
        ns3::Time powerCommandDue;  ///< when it is there
        ns3::Time nextPowerCommand; ///< not before the last one shows
    };

    /// A packet at PDCP's receiver that waits for those before it.
    struct Reordered
    {
        FinishedPacket packet;
        ns3::Time arrived;
    };

    /// Of a flow, beside its queue.
    struct FlowState
    {
        double averageRateBps{1}; ///< for proportional fairness
        double sentBits{0};       ///< in the present slot
        RadioUse use;
        uint32_t forwarded{0}; ///< packets on the way from an old cell to the new one
        BufferStatus buffer;   ///< uplink: what the base station knows
        ns3::Time nextConfiguredGrant;
        uint64_t configuredBytes{0}; ///< of configured grants that the slot may still give
        ns3::Time configuredSlot;    ///< when this slot began
        uint64_t pollRetransmissions{0};
        ns3::Time lastStatus;            ///< acknowledged mode: when a report was sent
        uint32_t expectedSequence{0};    ///< in-order delivery
        std::deque<Reordered> waiting{}; ///< by sequence
        ns3::EventId reorderingEnds;
    };

    /// \throws InputError after Start
    void RequireBeforeStart(const std::string& field) const;
    /// \throws InputError unless a carrier can be, beside those of the cells before
    void CheckCarrier(const std::string& name, const CarrierConfig& carrier) const;
    void MakeBlocks(Cell& cell) const;
    void RunSlot();
    void UpdateServingCells();
    void Move(uint32_t ueIndex, const HandoverControl::Decision& decision);
    /// All blocks that a user still has on the air go back to their queues, for another cell.
    /// \param lost whether the cell could not end them: what is not acknowledged is lost
    void ReturnBlocks(uint32_t ueIndex, bool lost);
    /// A packet enters the queue of the cell that serves its user.
    void EnterQueue(uint32_t flowId, ns3::Ptr<const ns3::Packet> packet, ns3::Time created);
    /// A packet has come from the old cell to the new one.
    void Forwarded(uint32_t flowId, ns3::Ptr<const ns3::Packet> packet, ns3::Time created);
    void MeasureCqi();
    void Schedule(uint32_t cellIndex, Direction direction);
    void Transmit(uint32_t cellIndex, Direction direction);
    void Decode(uint32_t cellIndex,
                Direction direction,
                TransportBlock&& block,
                const SliceGrant& grant);
    /// Of the block so far, after one more transmission with this SINR.
    double BlockError(const Cell& cell, TransportBlock& block, double sinr, double part) const;
    void Arrived(uint32_t cellIndex, Direction direction, const TransportBlock& block);
    void Failed(uint32_t cellIndex, Direction direction, TransportBlock&& block);
    uint32_t GetSlotSymbols(const Cell& cell, Direction direction) const;
    /// Symbols of a slice's blocks in the present slot.
    uint32_t GetBlockSymbols(const Side& side, Direction direction, uint32_t sliceId) const;
    bool HasMiniSlots(Direction direction, uint32_t sliceId) const;
    /// Adds the grants of a slice's present mini-slot.
    void ScheduleMiniSlot(uint32_t cellIndex,
                          Direction direction,
                          uint32_t sliceId,
                          std::vector<Candidate>& candidates);
    /// Divides a slot's beginning between slices of which some have mini-slots.
    void ScheduleBesideMiniSlots(uint32_t cellIndex, Direction direction, uint32_t firstPrb);
    void RunMiniSlot(uint32_t cellIndex, Direction direction, uint32_t sliceId);
    /// Whether a flow may have something for a mini-slot later in the present slot.
    bool WantsMiniSlot(const Cell& cell, uint32_t flow) const;
    /// Sees to it that what waits in a slice goes with the next mini-slot, if the slot has one.
    void PlanMiniSlot(uint32_t cellIndex, Direction direction, uint32_t sliceId);
    void PlanMiniSlots();
    /// How long a slice's blocks are on the air.
    ns3::Time GetDuration(const Cell& cell, Direction direction, uint32_t sliceId) const;
    void AddRetransmissions(uint32_t cellIndex, Direction direction, uint32_t ueIndex);
    static constexpr uint32_t ALL_SLICES = UINT32_MAX;
    void AddCandidates(uint32_t cellIndex, uint32_t ueIndex, uint32_t sliceId = ALL_SLICES);
    void AddUplinkCandidates(uint32_t cellIndex, uint32_t ueIndex, uint32_t sliceId = ALL_SLICES);
    /// Bytes that an uplink flow may be granted now.
    uint64_t GetUplinkDemand(uint32_t cellIndex, uint32_t flow);
    /// A downlink grant's MCS, now that its sub-bands are known.
    uint32_t SelectSubbandMcs(uint32_t cellIndex, const SliceGrant& grant);
    /// The outer loop of a slice's blocks.
    size_t GetLoop(uint32_t sliceId) const;
    /// What a base station measured of a user may bring a power command.
    void ControlPower(uint32_t cellIndex, uint32_t ueIndex, double sinrDb);
    /// An uplink grant's MCS, now that its PRBs and so its power are known.
    uint32_t SelectGrantMcs(uint32_t cellIndex, const SliceGrant& grant);
    /// An uplink block has been made, maybe of padding alone.
    void CountGrant(uint32_t cellIndex, const TransportBlock& block);
    void ScheduleUplink();
    uint32_t CountFreeProcesses(uint32_t cellIndex, Direction direction, uint32_t ueIndex);
    /// From an uplink report until the user acts on the grant that it brings, beside slot lengths.
    ns3::Time GetGrantDelay(uint32_t cellIndex, uint32_t ueIndex) const;
    /// When the base station knows what became of a block that is sent now, and may send again.
    ns3::Time GetFeedbackTime(uint32_t cellIndex,
                              Direction direction,
                              uint32_t ueIndex,
                              ns3::Time duration) const;
    ProtocolTimers GetTimers(uint32_t ueIndex) const;
    void Deliver(uint32_t flowId, uint32_t ticket);
    /// Hands packets up in order, as far as none is missing or has been waited for too long.
    void Reorder(uint32_t flowId);
    void HandUp(uint32_t flowId, const FinishedPacket& packet);
    void Lose(const TransportBlock& block, DropCause cause);
    void CountLost(uint32_t flow, const std::vector<FinishedPacket>& lost, DropCause cause);
    /// When a lost block's sender hears of it: with a status report at \p report, or when
    /// t-PollRetransmit ends, if that is lost.
    void AwaitStatus(TransportBlock& block, ns3::Time polled, ns3::Time report);
    /// No status has come for a block: the sender polls again. \return whether it sends the block
    /// again with the poll, as it has nothing else
    bool Poll(TransportBlock& block);
    /// Status reports that have come back ask for what is missing.
    void RetransmitMissing();
    void DiscardLatePackets();

    // attributes
    uint32_t m_numSlices;
    uint32_t m_queueLimitBytes;
    bool m_borrowing;
    SchedulingPolicy m_policy;
    ResourceUnit m_resourceUnit;
    bool m_subbandCqi;
    ns3::Time m_cqiPeriod;
    ns3::Time m_handoverPeriod;
    double m_targetBler;
    std::vector<double> m_targets;     ///< of outer loops 1 and up
    std::vector<size_t> m_loopOfSlice; ///< outer loop; 0, that of m_targetBler, if not there
    uint32_t m_maxTransmissions;
    HarqCombining m_combining;
    uint32_t m_ntnBlindProcesses;
    uint32_t m_ntnRepetitions;
    double m_statusLossRatio;
    double m_ueTxPowerDbm;
    double m_uplinkP0Dbm;
    double m_uplinkAlpha;
    bool m_uplinkClosedLoop;
    double m_uplinkTargetSinrDb;
    double m_uplinkLeastSnrDb;

    std::unique_ptr<RadioChannel> m_channel;
    ns3::Ptr<HandoverControl> m_handover;
    std::vector<Cell> m_cells;
    std::vector<Ue> m_ues;
    FlowQueues m_flows;
    std::vector<Candidate> m_candidates;                 ///< of one cell's present slot
    std::vector<std::vector<FinishedPacket>> m_onTheWay; ///< by ticket: received, still to arrive
    std::vector<uint32_t> m_freeTickets;
    std::vector<FlowState> m_states;       ///< by flow
    std::vector<TransportBlock> m_missing; ///< lost by HARQ, until a status report tells
    bool m_hasUplink{false};
    /// By slice; 0: no mini-slots, and no slice has any if it is empty.
    std::array<std::vector<uint32_t>, NUM_DIRECTIONS> m_miniSymbols;
    ns3::Ptr<ns3::UniformRandomVariable> m_decoding;
    DeliveredCallback m_delivered;
    DroppedCallback m_dropped;
    ns3::Time m_tick;
    ns3::Time m_begin; ///< of the first slot
    uint64_t m_tickCount{0};
    bool m_started{false};
    ns3::EventId m_nextSlot;
    SlotProfile m_profile;
};

} // namespace qntn

#endif // QNTN_RAN_RAN_NETWORK_H
