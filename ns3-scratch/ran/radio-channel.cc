// SPDX-License-Identifier: GPL-2.0-only
#include "ran/radio-channel.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace qntn
{

namespace
{

constexpr double THERMAL_NOISE_DBM_PER_HZ = -174;
constexpr double UE_NOISE_FIGURE_DB = 9; ///< TR 38.901 V17, Table 7.8-1
constexpr double UE_G_OVER_T_DB_PER_K =
    -31.6;                                 ///< handheld in S band, TR 38.821 V16.2, Table 6.1.1.1-3
constexpr double GNB_K_FACTOR = 7.943;     ///< 9 dB, TR 38.901 V17, Table 7.5-6, UMa
constexpr double NEAREST_M = 10;           ///< where the path loss models begin
constexpr double NTN_CORRELATION_M = 50;   ///< of shadowing along the ground, TR 38.811, 6.6.2
constexpr double NTN_CELL_OF_SKY_DEG = 10; ///< of elevation over which an obstacle hides the sky
constexpr double ACTIVITY_MEMORY = 0.99;   ///< of the mean interference, a slot
constexpr double SLOWEST_MPS = 0.3;        ///< what moves around a user who stands

double
ToMw(double dbm)
{
    return std::pow(10, dbm / 10);
}

/// Power of a circular aperture \p offDeg away from its axis, dB, for a beam of \p beamWidthDeg
/// between half-power points. TR 38.811 V15.4, 6.4.1.
double
AiryGainDb(double offDeg, double beamWidthDeg)
{
    constexpr double HALF_POWER_ARGUMENT = 1.61634; // where 4 (J1(x)/x)^2 = 1/2
    const double x = HALF_POWER_ARGUMENT * std::sin(offDeg * std::numbers::pi / 180) /
                     std::sin(beamWidthDeg / 2 * std::numbers::pi / 180);
    if (std::abs(x) < 1e-6)
    {
        return 0;
    }
    const double ratio = 2 * std::cyl_bessel_j(1.0, std::abs(x)) / std::abs(x);
    return std::max(10 * std::log10(ratio * ratio), -40.0);
}

/// First PRB of a sub-band, or the end of the one before.
uint32_t
FirstPrb(uint32_t subband, uint32_t carrierPrbs)
{
    constexpr uint32_t N = RadioChannel::NUM_SUBBANDS;
    return (subband * carrierPrbs + N - 1) / N;
}

} // namespace

RadioChannel::RadioChannel() : m_keys(ns3::CreateObject<ns3::UniformRandomVariable>())
{
}

void
RadioChannel::AddGnb(const GnbConfig& config)
{
    const double prbs = NumPrbs(config.carrier.bandwidthHz,
                                config.carrier.numerology,
                                config.carrier.frequencyHz > 24e9);
    Cell cell{};
    cell.isNtn = false;
    cell.position = config.position;
    cell.carrier = config.carrier;
    cell.eirpPerPrbDbm = config.txPowerDbm + config.antennaGainDbi -
                         10 * std::log10(prbs * config.carrier.numLayers);
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
        const uint32_t carrierPrbs =
            NumPrbs(carrier.bandwidthHz, carrier.numerology, carrier.frequencyHz > 24e9);
        AddPrbs(cell.subbandPrbs, 0, carrierPrbs, carrierPrbs);
        const double los_m = cell.isNtn ? NTN_CORRELATION_M : 50; // TR 38.901, Table 7.6.3.1-2
        const double with_m =
            cell.isNtn ? NTN_CORRELATION_M : ShadowingCorrelationM(PathlossModel::UMA, true);
        const double without_m =
            cell.isNtn ? NTN_CORRELATION_M : ShadowingCorrelationM(PathlossModel::UMA, false);
        for (const double correlation_m : {los_m, with_m, without_m})
        {
            const auto key = static_cast<uint64_t>(m_keys->GetValue(0, 9e15));
            cell.fields.emplace_back(key, correlation_m);
        }
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
RadioChannel::UpdateLargeScale()
{
    const double now_s = ns3::Simulator::Now().GetSeconds();
    for (size_t c = 0; c < m_cells.size(); ++c)
    {
        Cell& cell = m_cells[c];
        Ecef satellite{};
        if (cell.isNtn)
        {
            satellite = cell.ntn->orbit.PositionAt(now_s);
            const auto& centre = cell.position;
            const Ecef ground = cell.ntn->frame.ToEcef(centre.x, centre.y, centre.z);
            cell.elevationDeg = ElevationDeg(ground, satellite);
            cell.available = cell.elevationDeg >= cell.ntn->minElevationDeg;
        }
        for (size_t u = 0; u < m_ues.size(); ++u)
        {
            m_links[c * m_ues.size() + u] =
                cell.isNtn ? MakeNtnLink(cell, m_ues[u], satellite) : MakeGnbLink(cell, m_ues[u]);
        }
    }
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
    const bool los = losQuantile < LosProbability(PathlossModel::UMA, distance_m, height_m);
    const double loss_db =
        PathlossDb(PathlossModel::UMA,
                   los,
                   distance_m,
                   cell.position.z,
                   height_m,
                   cell.carrier.frequencyHz) +
        ShadowingStdDb(PathlossModel::UMA, los) * cell.fields[los ? 1 : 2].At(at.x, at.y);
    const double noise_dbm = THERMAL_NOISE_DBM_PER_HZ + UE_NOISE_FIGURE_DB +
                             10 * std::log10(PrbBandwidthHz(cell.carrier.numerology));
    return {.rxPerPrbMw = ToMw(cell.eirpPerPrbDbm - loss_db),
            .noisePerPrbMw = ToMw(noise_dbm),
            .slantRangeM = std::hypot(distance_m, cell.position.z - height_m),
            .kFactor = los ? GNB_K_FACTOR : 0};
}

RadioChannel::Link
RadioChannel::MakeNtnLink(const Cell& cell, const Ue& ue, const Ecef& satellite) const
{
    const auto at = ue.mobility->GetPosition();
    const auto& ntn = *cell.ntn;
    const Ecef ground = ntn.frame.ToEcef(at.x, at.y, at.z);
    const Ecef centre = ntn.frame.ToEcef(cell.position.x, cell.position.y, cell.position.z);
    const Ecef sight = ground - satellite;
    const double range_m = Norm(sight);
    const double elevation_deg = ElevationDeg(ground, satellite);
    if (elevation_deg <= 0)
    {
        return {.rxPerPrbMw = 0, .noisePerPrbMw = 1, .slantRangeM = range_m, .kFactor = 0};
    }
    const double frequency_hz = cell.carrier.frequencyHz;
    const double sky = elevation_deg / NTN_CELL_OF_SKY_DEG;
    const double losQuantile = NormalCdf(cell.fields[0].At(at.x, at.y, sky));
    const bool los = losQuantile < NtnLosProbability(cell.environment, elevation_deg);
    auto loss =
        NtnLoss(cell.environment, los, elevation_deg, ntn.orbit.GetAltitudeM(), frequency_hz);
    const double shadowing_db =
        NtnShadowingStdDb(cell.environment, los, elevation_deg, frequency_hz) *
        cell.fields[los ? 1 : 2].At(at.x, at.y, sky);
    const Ecef axis = centre - satellite;
    const double cosine = std::clamp(Dot(axis, sight) / (Norm(axis) * range_m), -1.0, 1.0);
    const double beam_db = AiryGainDb(std::acos(cosine) * 180 / std::numbers::pi, ntn.beamWidthDeg);

    // a link budget in G/T gives carrier over noise; the split into the two is arbitrary
    const double prb_hz = PrbBandwidthHz(cell.carrier.numerology);
    const double cnr_db = CnrDb(cell.eirpPerPrbDbm + beam_db,
                                UE_G_OVER_T_DB_PER_K,
                                range_m,
                                frequency_hz,
                                prb_hz,
                                loss.gas,
                                shadowing_db,
                                loss.scintillation,
                                0,
                                loss.clutter);
    const double noise_mw = ToMw(THERMAL_NOISE_DBM_PER_HZ + 10 * std::log10(prb_hz));
    return {.rxPerPrbMw = ToMw(cnr_db) * noise_mw,
            .noisePerPrbMw = noise_mw,
            .slantRangeM = range_m,
            .kFactor =
                los ? ToMw(NtnKFactorDb(cell.environment, elevation_deg, frequency_hz)) : 0.0};
}

const RadioChannel::Link&
RadioChannel::GetLink(uint32_t cellIndex, uint32_t ueIndex) const
{
    return m_links[cellIndex * m_ues.size() + ueIndex];
}

std::complex<double>
RadioChannel::Draw()
{
    const double re = m_scatter.Draw() / std::numbers::sqrt2; // variance 1/2 in each part
    return {re, m_scatter.Draw() / std::numbers::sqrt2};
}

void
RadioChannel::SetFadingGains(Ue& ue) const
{
    const double direct = std::sqrt(ue.kFactor / (ue.kFactor + 1));
    const double scatter = std::sqrt(1 / (ue.kFactor + 1));
    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
    {
        ue.fading[s] = std::norm(direct + scatter * ue.scattered[s]);
    }
}

void
RadioChannel::ResetFading(uint32_t ueIndex, uint32_t cellIndex)
{
    Ue& ue = m_ues[ueIndex];
    for (auto& tap : ue.scattered)
    {
        tap = Draw();
    }
    ue.kFactor = GetLink(cellIndex, ueIndex).kFactor;
    SetFadingGains(ue);
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
        const double speed_mps =
            std::max(ns3::CalculateDistance(ue.mobility->GetVelocity(), {0, 0, 0}), SLOWEST_MPS);
        const double doppler_hz = speed_mps * cell.carrier.frequencyHz / SPEED_OF_LIGHT_MPS;
        if (doppler_hz != ue.dopplerHz)
        {
            // autocorrelation of Clarke's spectrum, up to its first zero
            const double x = std::min(2 * std::numbers::pi * doppler_hz * seconds, 2.404);
            ue.dopplerHz = doppler_hz;
            ue.correlation = std::cyl_bessel_j(0.0, x);
            ue.innovation = std::sqrt(1 - ue.correlation * ue.correlation);
        }
        for (auto& tap : ue.scattered)
        {
            tap = ue.correlation * tap + ue.innovation * Draw();
        }
        ue.kFactor = GetLink(servingCells[u], static_cast<uint32_t>(u)).kFactor;
        SetFadingGains(ue);
    }
}

void
RadioChannel::AddPrbs(Subbands& prbs, uint32_t firstPrb, uint32_t numPrbs, uint32_t carrierPrbs)
{
    const uint32_t end = firstPrb + numPrbs;
    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
    {
        const uint32_t low = FirstPrb(s, carrierPrbs);
        const uint32_t high = FirstPrb(s + 1, carrierPrbs);
        for (const uint32_t turn : {0U, carrierPrbs})
        {
            const uint32_t from = std::max(low + turn, firstPrb);
            const uint32_t to = std::min(high + turn, end);
            prbs[s] += to > from ? to - from : 0;
        }
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

double
RadioChannel::InterferenceMw(uint32_t cellIndex,
                             uint32_t ueIndex,
                             uint32_t subband,
                             bool mean) const
{
    double sum_mw = 0;
    for (const uint32_t other : m_interferers[cellIndex])
    {
        const auto& cell = m_cells[other];
        sum_mw += (mean ? cell.meanActivity : cell.activity)[subband] *
                  GetLink(other, ueIndex).rxPerPrbMw;
    }
    return sum_mw;
}

double
RadioChannel::GetSnrDb(uint32_t cellIndex, uint32_t ueIndex) const
{
    const Link& link = GetLink(cellIndex, ueIndex);
    return 10 * std::log10(link.rxPerPrbMw / link.noisePerPrbMw + 1e-30);
}

double
RadioChannel::MeasureSinrDb(uint32_t cellIndex, uint32_t ueIndex) const
{
    const Link& link = GetLink(cellIndex, ueIndex);
    double sum = 0;
    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
    {
        const double noise_mw = link.noisePerPrbMw + InterferenceMw(cellIndex, ueIndex, s, true);
        sum += std::log2(1 + link.rxPerPrbMw * m_ues[ueIndex].fading[s] / noise_mw);
    }
    return 10 * std::log10(std::exp2(sum / NUM_SUBBANDS) - 1 + 1e-30);
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
    double sum = 0;
    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
    {
        if (prbs[s] > 0)
        {
            const double noise_mw =
                link.noisePerPrbMw + InterferenceMw(cellIndex, ueIndex, s, false);
            sum += prbs[s] * std::log2(1 + link.rxPerPrbMw * m_ues[ueIndex].fading[s] / noise_mw);
        }
    }
    return std::exp2(sum / numPrbs) - 1;
}

bool
RadioChannel::IsAvailable(uint32_t cellIndex) const
{
    return m_cells[cellIndex].available;
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

} // namespace qntn
