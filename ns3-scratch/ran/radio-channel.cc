// SPDX-License-Identifier: GPL-2.0-only
#include "ran/radio-channel.h"

#include "ran/antenna.h"
#include "ran/decibel.h"
#include "ran/small-scale.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace qntn
{

namespace
{

constexpr double THERMAL_NOISE_DBM_PER_HZ = -174;
constexpr double UE_NOISE_FIGURE_DB = 9;     ///< TR 38.901 V17, Table 7.8-1
constexpr double GNB_NOISE_FIGURE_DB = 5;    ///< TR 38.901 V17, Table 7.8-1
constexpr double NEAREST_M = 10;             ///< where the path loss models begin
constexpr double NTN_LOS_CORRELATION_M = 50; ///< of line of sight to a satellite: our own choice
constexpr double NTN_CELL_OF_SKY_DEG = 10;   ///< of elevation over which an obstacle hides the sky
constexpr double ACTIVITY_MEMORY = 0.99;     ///< of the mean interference, a slot
constexpr double STEP_M = 0.5;               ///< that a user goes before its links are looked at
constexpr double SLOWEST_MPS = 0.3;          ///< what moves around a user who stands

/// Over which line of sight decorrelates: TR 38.901 V17, Table 7.6.3.1-2.
double
LosCorrelationM(PathlossModel model)
{
    return model == PathlossModel::RMA ? 60 : 50;
}

} // namespace

RadioChannel::RadioChannel() : m_keys(ns3::CreateObject<ns3::UniformRandomVariable>())
{
}

void
RadioChannel::AddGnb(const GnbConfig& config)
{
    const double prbs = CarrierPrbs(config.carrier);
    Cell cell{};
    cell.isNtn = false;
    cell.position = config.position;
    cell.carrier = config.carrier;
    cell.eirpPerPrbDbm = config.txPowerDbm + config.antennaGainDbi -
                         10 * std::log10(prbs * config.carrier.numLayers);
    cell.model = ToPathlossModel(config.scenario);
    cell.antennaGainDbi = config.antennaGainDbi;
    cell.sectored = config.sectored;
    cell.azimuthDeg = config.azimuthDeg;
    cell.downtiltDeg = config.downtiltDeg;
    cell.available = true;
    cell.elevationDeg = 90;
    m_cells.push_back(std::move(cell));
}

void
RadioChannel::AddNtnCell(const NtnCellConfig& config)
{
    Cell cell{};
    cell.isNtn = true;
    cell.position = config.beamCentre;
    cell.carrier = config.carrier;
    cell.eirpPerPrbDbm =
        config.eirpDensityDbwPerMhz + 30 +
        10 * std::log10(PrbBandwidthHz(config.carrier.numerology) / 1e6 / config.carrier.numLayers);
    cell.ntn = std::make_unique<NtnCellConfig>(config);
    cell.environment = ToNtnEnvironment(config.environment);
    m_cells.push_back(std::move(cell));
}

void
RadioChannel::AddUe(ns3::Ptr<ns3::MobilityModel> mobility)
{
    Ue ue;
    ue.mobility = std::move(mobility);
    ue.fading.fill(1);
    m_ues.push_back(std::move(ue));
}

int64_t
RadioChannel::AssignStreams(int64_t stream)
{
    m_keys->SetStream(stream);
    return 1;
}

void
RadioChannel::Start()
{
    m_interferers.assign(m_cells.size(), {});
    for (size_t a = 0; a < m_cells.size(); ++a)
    {
        Cell& cell = m_cells[a];
        const auto& carrier = cell.carrier;
        const uint32_t carrierPrbs = CarrierPrbs(carrier);
        AddPrbs(cell.subbandPrbs, 0, carrierPrbs, carrierPrbs);
        cell.subbandHz = carrierPrbs * PrbBandwidthHz(carrier.numerology) / NUM_SUBBANDS;
        MakeFields(cell, std::span(m_cells).first(a));
        for (size_t b = 0; b < m_cells.size(); ++b)
        {
            if (a != b && m_cells[b].carrier.frequencyHz == cell.carrier.frequencyHz)
            {
                m_interferers[a].push_back(static_cast<uint32_t>(b));
            }
        }
    }
    m_scatter = NormalSource(static_cast<uint64_t>(m_keys->GetValue(0, 9e15)));
    m_links.assign(m_cells.size() * m_ues.size(), {});
    UpdateLargeScale();
}

void
RadioChannel::MakeFields(Cell& cell, std::span<const Cell> others)
{
    const auto sibling =
        std::ranges::find_if(others, [&](const Cell& other) { return AtOnePlace(cell, other); });
    if (sibling != others.end())
    {
        cell.fields = sibling->fields;
        return;
    }
    const auto shadowingM = [&cell](bool los)
    {
        return cell.isNtn ? NtnShadowingCorrelationM(cell.environment, los)
                          : ShadowingCorrelationM(cell.model, los);
    };
    const double los_m = cell.isNtn ? NTN_LOS_CORRELATION_M : LosCorrelationM(cell.model);
    for (const double correlation_m : {los_m, shadowingM(true), shadowingM(false)})
    {
        const auto key = static_cast<uint64_t>(m_keys->GetValue(0, 9e15));
        cell.fields.emplace_back(key, correlation_m);
    }
}

bool
RadioChannel::AtOnePlace(const Cell& a, const Cell& b)
{
    if (a.isNtn || b.isNtn)
    {
        return a.isNtn && b.isNtn && a.ntn->trajectory == b.ntn->trajectory &&
               a.environment == b.environment;
    }
    return a.model == b.model && a.position.x == b.position.x && a.position.y == b.position.y &&
           a.position.z == b.position.z;
}

void
RadioChannel::UpdateLargeScale()
{
    const double now_s = ns3::Simulator::Now().GetSeconds();
    for (size_t c = 0; c < m_cells.size(); ++c)
    {
        Cell& cell = m_cells[c];
        Ecef satellite{};
        if (cell.isNtn)
        {
            satellite = FollowSatellite(cell, now_s);
        }
        for (size_t u = 0; u < m_ues.size(); ++u)
        {
            Link& link = m_links[c * m_ues.size() + u];
            if (cell.isNtn)
            {
                link = MakeNtnLink(cell, m_ues[u], satellite);
            }
            else if (ns3::CalculateDistance(m_ues[u].mobility->GetPosition(), link.at) > STEP_M)
            {
                link = MakeGnbLink(cell, m_ues[u]);
            }
        }
    }
}

Ecef
RadioChannel::FollowSatellite(Cell& cell, double nowS) const
{
    const auto& ntn = *cell.ntn;
    const Ecef satellite = ntn.trajectory->PositionAt(nowS);
    const Ecef centre = ntn.frame.ToEcef(cell.position.x, cell.position.y, cell.position.z);
    cell.elevationDeg = ElevationDeg(centre, satellite);
    cell.satellite = satellite;
    cell.available = cell.elevationDeg >= ntn.minElevationDeg;
    cell.beamAxis =
        ntn.movingBeam ? FindBeamAxis(*ntn.trajectory, ntn.beamOffset, nowS) : centre - satellite;
    if (cell.available && ntn.gateway)
    {
        const auto route = ntn.gateway->Find(nowS);
        cell.available = route.has_value();
        cell.gatewayDelayS = route ? route->GetDelayS() : cell.gatewayDelayS;
    }
    return satellite;
}

RadioChannel::Link
RadioChannel::MakeGnbLink(const Cell& cell, const Ue& ue) const
{
    const auto at = ue.mobility->GetPosition();
    const double dx = at.x - cell.position.x;
    const double dy = at.y - cell.position.y;
    const double distance_m = std::max(std::hypot(dx, dy), NEAREST_M);
    const double height_m = std::max(at.z, 1.5);
    const double losQuantile = NormalCdf(cell.fields[0].At(at.x, at.y));
    const bool los = losQuantile < LosProbability(cell.model, distance_m, height_m);
    const double breakpoint_m =
        RuralBreakpointM(cell.position.z, height_m, cell.carrier.frequencyHz);
    double loss_db = PathlossDb(cell.model,
                                los,
                                distance_m,
                                cell.position.z,
                                height_m,
                                cell.carrier.frequencyHz) +
                     ShadowingStdDb(cell.model, los, distance_m > breakpoint_m) *
                         cell.fields[los ? 1 : 2].At(at.x, at.y);
    if (cell.sectored)
    {
        constexpr double DEG = 180 / std::numbers::pi;
        const double elevation_deg = std::atan2(height_m - cell.position.z, distance_m) * DEG;
        loss_db -= SectorGainDb(std::atan2(dy, dx) * DEG - cell.azimuthDeg,
                                elevation_deg + cell.downtiltDeg);
    }
    const double noise_dbm =
        THERMAL_NOISE_DBM_PER_HZ + 10 * std::log10(PrbBandwidthHz(cell.carrier.numerology));
    return {.rxPerPrbMw = FromDb(cell.eirpPerPrbDbm - loss_db),
            .noisePerPrbMw = FromDb(noise_dbm + UE_NOISE_FIGURE_DB),
            .slantRangeM = std::hypot(distance_m, cell.position.z - height_m),
            .lineOfSight = los,
            .uplinkGain = FromDb(cell.antennaGainDbi - loss_db),
            .uplinkNoisePerPrbMw = FromDb(noise_dbm + GNB_NOISE_FIGURE_DB),
            .at = at};
}

RadioChannel::Link
RadioChannel::MakeNtnLink(const Cell& cell, const Ue& ue, const Ecef& satellite) const
{
    const auto at = ue.mobility->GetPosition();
    const auto& ntn = *cell.ntn;
    const Ecef ground = ntn.frame.ToEcef(at.x, at.y, at.z);
    const Ecef sight = ground - satellite;
    const double range_m = Norm(sight);
    const double elevation_deg = ElevationDeg(ground, satellite);
    if (elevation_deg <= 0)
    {
        return {.slantRangeM = range_m};
    }
    const double frequency_hz = cell.carrier.frequencyHz;
    const double sky = elevation_deg / NTN_CELL_OF_SKY_DEG;
    const double losQuantile = NormalCdf(cell.fields[0].At(at.x, at.y, sky));
    const bool los = losQuantile < NtnLosProbability(cell.environment, elevation_deg);
    const double altitude_m = Norm(satellite) - EARTH_RADIUS_M;
    auto loss = NtnLoss(cell.environment, los, elevation_deg, altitude_m, frequency_hz);
    const double shadowing_db =
        NtnShadowingStdDb(cell.environment, los, elevation_deg, frequency_hz) *
        cell.fields[los ? 1 : 2].At(at.x, at.y, sky);
    const Ecef& axis = cell.beamAxis;
    const double cosine = std::clamp(Dot(axis, sight) / (Norm(axis) * range_m), -1.0, 1.0);
    const double beam_db = AiryGainDb(std::acos(cosine) * 180 / std::numbers::pi, ntn.beamWidthDeg);

    // a link budget in G/T gives carrier over noise; the split into the two is arbitrary
    const double prb_hz = PrbBandwidthHz(cell.carrier.numerology);
    const double cnr_db = CnrDb(cell.eirpPerPrbDbm + beam_db,
                                ntn.ueGOverTDbPerK,
                                range_m,
                                frequency_hz,
                                prb_hz,
                                loss.gas,
                                shadowing_db,
                                loss.scintillation,
                                0,
                                loss.clutter);
    // the same way up: only who sends and who listens differ
    const double uplinkCnr_db = cnr_db - cell.eirpPerPrbDbm - ntn.ueGOverTDbPerK +
                                ntn.ueAntennaGainDbi + ntn.gOverTDbPerK; // for 1 mW from the user
    const double noise_mw = FromDb(THERMAL_NOISE_DBM_PER_HZ + 10 * std::log10(prb_hz));
    return {.rxPerPrbMw = FromDb(cnr_db) * noise_mw,
            .noisePerPrbMw = noise_mw,
            .slantRangeM = range_m,
            .lineOfSight = los,
            .uplinkGain = FromDb(uplinkCnr_db) * noise_mw,
            .uplinkNoisePerPrbMw = noise_mw};
}

const RadioChannel::Link&
RadioChannel::GetLink(uint32_t cellIndex, uint32_t ueIndex) const
{
    return m_links[cellIndex * m_ues.size() + ueIndex];
}

void
RadioChannel::ResetFading(uint32_t ueIndex, uint32_t cellIndex)
{
    Ue& ue = m_ues[ueIndex];
    ue.process.Reset(m_scatter);
    ue.uplinkOffsetDb = 0;
    ShapeFading(ue, m_cells[cellIndex], GetLink(cellIndex, ueIndex));
    ue.fading = ue.process.GetGains();
}

void
RadioChannel::ShapeFading(Ue& ue, const Cell& cell, const Link& link) const
{
    ue.shapedRangeM = link.slantRangeM;
    const auto at = ue.mobility->GetPosition();
    SmallScale scale;
    if (cell.isNtn)
    {
        const GroundFrame& frame = cell.ntn->frame;
        const Ecef ground = frame.ToEcef(at.x, at.y, at.z);
        const Ecef sight = cell.satellite - ground;
        const double range_m = Norm(sight);
        const auto along = [&](double x, double y, double z)
        { return Dot(frame.ToEcef(at.x + x, at.y + y, at.z + z) - ground, sight) / range_m; };
        ue.towardsCell = {along(1, 0, 0), along(0, 1, 0), along(0, 0, 1)};
        scale = NtnSmallScale(cell.environment,
                              link.lineOfSight,
                              ElevationDeg(ground, cell.satellite),
                              cell.carrier.frequencyHz);
    }
    else
    {
        const auto sight = cell.position - at;
        const double range_m = std::max(sight.GetLength(), 1.0);
        ue.towardsCell = {sight.x / range_m, sight.y / range_m, sight.z / range_m};
        scale = GnbSmallScale(cell.model, link.lineOfSight, cell.carrier.frequencyHz);
    }
    const double kFactor = scale.KFactor(ue.process.GetKDeviation());
    const double spread_s = scale.ScatterSpreadS(ue.process.GetSpreadDeviation(), kFactor);
    ue.process.SetShape(kFactor, 2 * std::numbers::pi * spread_s * cell.subbandHz);
}

void
RadioChannel::UpdateFading(const std::vector<uint32_t>& servingCells, double seconds)
{
    for (size_t u = 0; u < m_ues.size(); ++u)
    {
        if (servingCells[u] == NO_CELL)
        {
            continue;
        }
        Ue& ue = m_ues[u];
        const auto& cell = m_cells[servingCells[u]];
        const Link& link = GetLink(servingCells[u], static_cast<uint32_t>(u));
        if (link.slantRangeM != ue.shapedRangeM) // the link was looked at anew
        {
            ShapeFading(ue, cell, link);
        }
        const auto velocity = ue.mobility->GetVelocity();
        const double speed_mps = std::max(velocity.GetLength(), SLOWEST_MPS);
        const double turnsPerMps = cell.carrier.frequencyHz / SPEED_OF_LIGHT_MPS * seconds;
        const double approach_mps = velocity.x * ue.towardsCell.x + velocity.y * ue.towardsCell.y +
                                    velocity.z * ue.towardsCell.z;
        ue.process.Step(speed_mps * turnsPerMps, approach_mps * turnsPerMps);
        ue.fading = ue.process.GetGains();
    }
}

void
RadioChannel::SetActivity(uint32_t cellIndex, const Subbands& prbs, bool isDownlink)
{
    Cell& cell = m_cells[cellIndex];
    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
    {
        cell.activity[s] = prbs[s] / cell.subbandPrbs[s];
        if (isDownlink)
        {
            cell.meanActivity[s] =
                ACTIVITY_MEMORY * cell.meanActivity[s] + (1 - ACTIVITY_MEMORY) * cell.activity[s];
        }
    }
}

Subbands
RadioChannel::DisturbanceMw(uint32_t cellIndex, uint32_t ueIndex, bool mean) const
{
    Subbands sum_mw;
    sum_mw.fill(GetLink(cellIndex, ueIndex).noisePerPrbMw);
    for (const uint32_t other : m_interferers[cellIndex])
    {
        const auto& cell = m_cells[other];
        const auto& activity = mean ? cell.meanActivity : cell.activity;
        const double received_mw = GetLink(other, ueIndex).rxPerPrbMw;
        for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
        {
            sum_mw[s] += activity[s] * received_mw;
        }
    }
    return sum_mw;
}

double
RadioChannel::GetRsrpDbm(uint32_t cellIndex, uint32_t ueIndex) const
{
    constexpr double ELEMENTS_OF_PRB = 12; // in a symbol
    return ToDb(GetLink(cellIndex, ueIndex).rxPerPrbMw / ELEMENTS_OF_PRB);
}

double
RadioChannel::GetSnrDb(uint32_t cellIndex, uint32_t ueIndex) const
{
    const Link& link = GetLink(cellIndex, ueIndex);
    return ToDb(link.rxPerPrbMw / link.noisePerPrbMw);
}

double
RadioChannel::MeasureSinrDb(uint32_t cellIndex, uint32_t ueIndex) const
{
    const Link& link = GetLink(cellIndex, ueIndex);
    const Subbands noise_mw = DisturbanceMw(cellIndex, ueIndex, true);
    double sum = 0;
    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
    {
        sum += std::log2(1 + link.rxPerPrbMw * m_ues[ueIndex].fading[s] / noise_mw[s]);
    }
    return ToDb(std::exp2(sum / NUM_SUBBANDS) - 1);
}

Subbands
RadioChannel::MeasureSubbandsDb(uint32_t cellIndex, uint32_t ueIndex) const
{
    const Link& link = GetLink(cellIndex, ueIndex);
    const Subbands noise_mw = DisturbanceMw(cellIndex, ueIndex, true);
    Subbands sinrs_db;
    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
    {
        sinrs_db[s] = ToDb(link.rxPerPrbMw * m_ues[ueIndex].fading[s] / noise_mw[s]);
    }
    return sinrs_db;
}

double
RadioChannel::GetSinr(uint32_t cellIndex,
                      uint32_t ueIndex,
                      uint32_t firstPrb,
                      uint32_t numPrbs,
                      uint32_t carrierPrbs) const
{
    const Link& link = GetLink(cellIndex, ueIndex);
    Subbands prbs{};
    AddPrbs(prbs, firstPrb, numPrbs, carrierPrbs);
    const Subbands noise_mw = DisturbanceMw(cellIndex, ueIndex, false);
    double sum = 0;
    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
    {
        if (prbs[s] > 0)
        {
            const double gain = m_ues[ueIndex].fading[s];
            sum += prbs[s] * std::log2(1 + link.rxPerPrbMw * gain / noise_mw[s]);
        }
    }
    return std::exp2(sum / numPrbs) - 1;
}

void
RadioChannel::SetDown(uint32_t cellIndex, bool isDown)
{
    Cell& cell = m_cells[cellIndex];
    cell.down = isDown;
    cell.activity = cell.meanActivity = {};
}

bool
RadioChannel::IsDown(uint32_t cellIndex) const
{
    return m_cells[cellIndex].down;
}

bool
RadioChannel::IsAvailable(uint32_t cellIndex) const
{
    return m_cells[cellIndex].available && !m_cells[cellIndex].down;
}

double
RadioChannel::GetElevationDeg(uint32_t cellIndex) const
{
    return m_cells[cellIndex].elevationDeg;
}

double
RadioChannel::GetSlantRangeM(uint32_t cellIndex, uint32_t ueIndex) const
{
    return GetLink(cellIndex, ueIndex).slantRangeM;
}

double
RadioChannel::GetGatewayDelayS(uint32_t cellIndex) const
{
    return m_cells[cellIndex].gatewayDelayS;
}

} // namespace qntn
