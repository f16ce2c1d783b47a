// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_RAN_TYPES_H
#define QNTN_RAN_RAN_TYPES_H

#include "orbit/beam.h"
#include "orbit/gateway-path.h"
#include "orbit/ground-frame.h"
#include "orbit/trajectory.h"
#include "ran/carrier.h"

#include "ns3/nstime.h"
#include "ns3/vector.h"

#include <cstdint>
#include <memory>
#include <string>

namespace qntn
{

inline constexpr uint32_t NO_CELL = UINT32_MAX;

enum Direction : uint8_t
{
    DOWNLINK,
    UPLINK,
};

inline constexpr size_t NUM_DIRECTIONS = 2;

/// A terrestrial base station with one sector.
struct GnbConfig
{
    std::string name;
    ns3::Vector position; ///< of the antenna: x east, y north, z up, m
    CarrierConfig carrier;
    double txPowerDbm;            ///< over the whole carrier
    double antennaGainDbi;        ///< at most
    std::string scenario = "UMa"; ///< of path loss: UMa, UMi or RMa (TR 38.901, 7.4)
    bool sectored = false;        ///< whether it radiates alike in all directions or ahead
    double azimuthDeg = 0;        ///< of a sector's boresight, from east to north
    double downtiltDeg = 0;       ///< of a sector's boresight
};

/// One beam of a satellite or of a platform.
struct NtnCellConfig
{
    std::string name;
    std::shared_ptr<const Trajectory> trajectory;
    GroundFrame frame;      ///< where the city's x, y, z lie on the Earth
    ns3::Vector beamCentre; ///< what an Earth-fixed beam is steered at, in the frame; the cell's
                            ///< elevation is told from there
    CarrierConfig carrier;
    double eirpDensityDbwPerMhz; ///< at the centre of the beam
    double minElevationDeg;      ///< below it the cell is off
    ns3::Time coreDelay;     ///< from where traffic enters to the payload, beside that of `gateway`
    std::string environment; ///< of the users: DenseUrban, Urban, Suburban or Rural
    double beamWidthDeg = 4.4127;  ///< between half-power points; TR 38.821 V16.2, set 1, S band
    double gOverTDbPerK = 1.1;     ///< of the satellite; TR 38.821 V16.2, Table 6.1.1.1-1
    double ueGOverTDbPerK = -31.6; ///< of its users: handheld, S band; TR 38.821, Table 6.1.1.1-3
    double ueAntennaGainDbi = 0;   ///< of its users upwards
    /// How traffic comes to the satellite; its delay follows the satellite, and the cell is off
    /// while no gateway can be reached. Null: traffic enters on board.
    std::shared_ptr<const GatewayPath> gateway{};
    bool movingBeam = false; ///< whether the beam goes with the satellite, at `beamOffset`
    BeamOffset beamOffset{};
};

/// How many PRBs of a slot a slice gets in a cell.
struct PrbQuota
{
    uint32_t dedicated; ///< kept for it even when it has nothing to send
    uint32_t
        minimum; ///< its own when it needs them; the rest may be borrowed (attribute Borrowing)
    uint32_t maximum; ///< what it may have with borrowing
};

/// How RLC carries a flow. TS 38.322 V17, 4.2.1.
enum class RlcMode : uint8_t
{
    UNACKNOWLEDGED, ///< what HARQ loses is lost
    ACKNOWLEDGED,   ///< status reports ask for it again
};

/// Timers of RLC and PDCP, TS 38.331 V17, 6.3.2 (RLC-Config, PDCP-Config).
struct ProtocolTimers
{
    ns3::Time reassembly;     ///< longest wait for the missing segments of a packet
    ns3::Time statusProhibit; ///< least time between two status reports of a flow
    ns3::Time pollRetransmit; ///< longest wait of the sender for the status that it polled
    ns3::Time reordering;     ///< longest wait of a packet for those before it

    /// For a HARQ process of four transmissions over a link of this length: below 30 ms one way
    /// (both links of 1200 km at 10 degrees) are a low orbit, more a geostationary one. The values
    /// are chosen so, among those that the standard offers.
    static ProtocolTimers For(bool isNtn, ns3::Time oneWayDelay);
};

/// What a flow is, beside its user and slice.
struct FlowConfig
{
    Direction direction = DOWNLINK;
    RlcMode rlc = RlcMode::UNACKNOWLEDGED;
    uint32_t maxRetransmissions = 8; ///< of a packet by RLC; TS 38.331, maxRetxThreshold
    bool inOrder = false;            ///< whether PDCP delivers packets in the order of sending
    /// Uplink: PRBs for this many bytes are kept in each period, used or not, and no request is
    /// needed (configured grant, TS 38.321 V17, 5.8.2). 0: the base station grants what it knows
    /// of the user's buffer.
    uint32_t configuredGrantBytes = 0;
    ns3::Time configuredGrantPeriod{};
};

/// Why a packet did not arrive.
enum class DropCause : uint8_t
{
    LATE,        ///< its delay budget ran out (PDCP discard, TS 38.323 V17, 5.3)
    OVERFLOW,    ///< the queue was full
    RADIO,       ///< all transmissions of one of its blocks failed
    NO_COVERAGE, ///< its user was in no cell
};

inline constexpr size_t NUM_DROP_CAUSES = 4;

/// What one slice did in one cell. Counts are since the report before, levels are of now.
struct SliceReport
{
    uint64_t offeredBytes{0};
    uint64_t deliveredBytes{0};
    uint64_t lateBytes{0};
    uint64_t droppedBytes{0};    ///< for every other cause
    uint64_t prbSlotsUsed{0};    ///< PRBs times slots
    uint64_t prbSlotsQuota{0};   ///< the same of its minimum
    uint64_t transportBlocks{0}; ///< first transmissions
    uint64_t failedBlocks{0};    ///< of these, lost
    uint64_t queueBytes{0};      ///< level
    ns3::Time headOfLineDelay;   ///< level: age of the oldest packet
    double meanCqi{0};           ///< level, over its users in the cell; 0 without users
};

/// What the radio did, since the start of the network. Retransmissions cost PRBs but are no blocks.
struct RadioUse
{
    uint64_t blocks{0};       ///< first transmissions
    uint64_t failedBlocks{0}; ///< of these, lost
    uint64_t prbSymbols{0};   ///< PRBs times symbols used

    RadioUse& operator+=(const RadioUse& other)
    {
        blocks += other.blocks;
        failedBlocks += other.failedBlocks;
        prbSymbols += other.prbSymbols;
        return *this;
    }
};

/// Where the packets of a flow have gone.
struct FlowAccount
{
    uint64_t sent{0};
    uint64_t delivered{0};
    uint64_t dropped[NUM_DROP_CAUSES]{};
    uint64_t inFlight{0}; ///< queued or on the air
};

} // namespace qntn

#endif // QNTN_RAN_RAN_TYPES_H
