// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_RADIO_CHANNEL_H
#define QNTN_RAN_RADIO_CHANNEL_H

#include "ran/correlated-field.h"
#include "ran/fading.h"
#include "ran/normal-source.h"
#include "ran/ntn-loss.h"
#include "ran/pathloss.h"
#include "ran/ran-types.h"

#include "ns3/mobility-model.h"
#include "ns3/ptr.h"
#include "ns3/random-variable-stream.h"

#include <memory>
#include <span>
#include <vector>

namespace qntn
{

/// Every link between cells and users.
///
/// Slow part, on request: path loss, line of sight and shadowing, as functions of where the user is
/// (TR 38.901 for gNBs, TR 38.811 for satellites). Fast part: fading of the serving link in
/// sub-bands, Rician or Rayleigh, with the Doppler spectrum of the user's speed; the same up and
/// down. K factor and delay spread are drawn when it begins. Interference: the mean power of each
/// other cell on the frequency, or in the uplink of its users, in the sub-bands that they use in
/// the slot.
class RadioChannel
{
  public:
    RadioChannel();

    void AddGnb(const GnbConfig& config);
    void AddNtnCell(const NtnCellConfig& config);
    void AddUe(ns3::Ptr<ns3::MobilityModel> mobility);
    /// \return how many streams were used
    int64_t AssignStreams(int64_t stream);
    /// Draws what stays for the episode: the fields of shadowing and line of sight.
    void Start();

    /// Follows users and satellites to where they are now.
    void UpdateLargeScale();
    /// Lets the fading of each user's link to its serving cell go on by \p seconds.
    void UpdateFading(const std::vector<uint32_t>& servingCells, double seconds);
    /// The fading of a user begins anew, with another cell.
    void ResetFading(uint32_t ueIndex, uint32_t cellIndex);
    /// How many PRBs of each sub-band a cell uses in the present slot.
    /// \param isDownlink whether the cell could send at all: the mean activity, which users
    /// measure, is that of such slots
    void SetActivity(uint32_t cellIndex, const Subbands& prbs, bool isDownlink);

    /// Received power of one reference element without fading, dBm (SS-RSRP, TS 38.215 V17, 5.1.1);
    /// of a satellite for a receiver of 290 K, as its G/T stands for noise and antenna together.
    double GetRsrpDbm(uint32_t cellIndex, uint32_t ueIndex) const;
    /// Received power over noise without fading and interference, dB.
    double GetSnrDb(uint32_t cellIndex, uint32_t ueIndex) const;
    /// Mean SINR over the carrier with fading and the recent mean interference, dB: what a user
    /// measures.
    double MeasureSinrDb(uint32_t cellIndex, uint32_t ueIndex) const;
    /// The same in each sub-band.
    Subbands MeasureSubbandsDb(uint32_t cellIndex, uint32_t ueIndex) const;
    /// Effective SINR of PRBs in the present slot, linear: that of a flat channel with the same
    /// mean log2(1 + SINR) over these PRBs.
    double GetSinr(uint32_t cellIndex,
                   uint32_t ueIndex,
                   uint32_t firstPrb,
                   uint32_t numPrbs,
                   uint32_t carrierPrbs) const;

    /// Open-loop power control of users, TS 38.213 V17, 7.1.1: at most \p maxDbm, and in each PRB
    /// \p p0Dbm (of 15 kHz subcarriers) and the part \p alpha of the path loss.
    void SetPowerControl(double maxDbm, double p0Dbm, double alpha);
    /// A power command has reached a user: its power changes by that much, up to its most in one
    /// PRB (accumulation, TS 38.213 V17, 7.1.1).
    void ChangeUplinkPower(uint32_t cellIndex, uint32_t ueIndex, double changeDb);
    /// What a user sends in each of so many PRBs, mW.
    double GetUplinkPowerMw(uint32_t cellIndex, uint32_t ueIndex, uint32_t numPrbs) const;
    /// How many PRBs a user's power is enough for: all that power control asks for, or that leave
    /// a received power of \p leastSnrDb above noise in each; at least 1.
    uint32_t GetUplinkPrbLimit(uint32_t cellIndex, uint32_t ueIndex, double leastSnrDb) const;
    /// A new slot begins for the uplink: nobody sends yet.
    void BeginUplink(uint32_t cellIndex, bool isUplink);
    /// A user sends on PRBs of its cell and disturbs the other cells on the frequency.
    void AddUplink(uint32_t cellIndex,
                   uint32_t ueIndex,
                   uint32_t firstPrb,
                   uint32_t numPrbs,
                   uint32_t carrierPrbs);
    /// Effective SINR of a user's PRBs at its cell, as GetSinr.
    double GetUplinkSinr(uint32_t cellIndex,
                         uint32_t ueIndex,
                         uint32_t firstPrb,
                         uint32_t numPrbs,
                         uint32_t carrierPrbs) const;
    /// Mean SINR over the carrier that a cell measures of a user who sounds with the power of one
    /// PRB, dB.
    double MeasureUplinkSinrDb(uint32_t cellIndex, uint32_t ueIndex) const;

    /// A cell fails, or works again.
    void SetDown(uint32_t cellIndex, bool isDown);
    bool IsDown(uint32_t cellIndex) const;
    /// Whether a cell works and, of a satellite, is high enough.
    bool IsAvailable(uint32_t cellIndex) const;
    double GetElevationDeg(uint32_t cellIndex) const;
    double GetSlantRangeM(uint32_t cellIndex, uint32_t ueIndex) const;
    /// Between a gateway and the satellite, as it was when last reached; 0 for what has none.
    double GetGatewayDelayS(uint32_t cellIndex) const;

  private:
    struct Cell
    {
        bool isNtn;
        ns3::Vector position; ///< of a gNB, or of the beam's centre
        CarrierConfig carrier;
        double eirpPerPrbDbm; ///< of each layer
        PathlossModel model{PathlossModel::UMA};
        double antennaGainDbi{0};
        bool sectored{false};
        double azimuthDeg{0};
        double downtiltDeg{0};
        std::unique_ptr<NtnCellConfig> ntn;
        NtnEnvironment environment{NtnEnvironment::URBAN};
        double elevationDeg{90};
        bool available{true};
        bool down{false};
        Ecef satellite{};        ///< where it is
        Ecef beamAxis{};         ///< from the satellite to where its beam looks
        double gatewayDelayS{0}; ///< between a gateway and the satellite
        std::vector<CorrelatedField>
            fields; ///< line of sight, shadowing with it, shadowing without
        Subbands subbandPrbs{};
        double subbandHz{0};
        Subbands activity{}; ///< parts of the sub-bands in use
        Subbands meanActivity{};
        bool isUplink{false}; ///< whether the cell listens in the slot
        Subbands uplinkMw{};  ///< interference that the cell receives in the slot, of each PRB
        Subbands meanUplinkMw{};
    };

    static constexpr double NOWHERE_M = 1e12;

    /// A link between a cell and a user.
    struct Link
    {
        double rxPerPrbMw{0}; ///< mean
        double noisePerPrbMw{1};
        double slantRangeM{0};
        bool lineOfSight{false};
        double uplinkGain{0}; ///< received at the cell over sent by the user
        double uplinkNoisePerPrbMw{1};
        ns3::Vector at{NOWHERE_M, 0, 0}; ///< where the user was
    };

    struct Ue
    {
        ns3::Ptr<ns3::MobilityModel> mobility;
        Fading process;
        Subbands fading;          ///< power gain of the serving link
        double shapedRangeM{-1};  ///< of the link, when `process` took its shape
        ns3::Vector towardsCell;  ///< unit vector to the serving cell
        double uplinkOffsetDb{0}; ///< by power commands
    };

    /// Of each PRB by power control, whatever the user has, mW.
    double AskedUplinkPowerMw(uint32_t cellIndex, uint32_t ueIndex) const;
    /// Draws the fields of a cell. Cells at one place, such as the sectors of a site or the beams
    /// of a satellite, have the same (TR 38.901 V17, 7.5, after step 9).
    void MakeFields(Cell& cell, std::span<const Cell> others);
    static bool AtOnePlace(const Cell& a, const Cell& b);
    Link MakeGnbLink(const Cell& cell, const Ue& ue) const;
    /// Follows a satellite. \return where it is
    Ecef FollowSatellite(Cell& cell, double nowS) const;
    Link MakeNtnLink(const Cell& cell, const Ue& ue, const Ecef& satellite) const;
    /// K factor and delay spread of a user's serving link, and where its direct path comes from.
    void ShapeFading(Ue& ue, const Cell& cell, const Link& link) const;
    const Link& GetLink(uint32_t cellIndex, uint32_t ueIndex) const;
    /// Noise and interference of a PRB in each sub-band, mW.
    Subbands DisturbanceMw(uint32_t cellIndex, uint32_t ueIndex, bool mean) const;

    std::vector<Cell> m_cells;
    std::vector<Ue> m_ues;
    std::vector<Link> m_links;                        ///< [cell][user]
    std::vector<std::vector<uint32_t>> m_interferers; ///< by cell: others on its frequency
    double m_ueMaxMw{200};
    double m_p0Dbm{-90};
    double m_alpha{0.8};
    ns3::Ptr<ns3::UniformRandomVariable> m_keys;
    NormalSource m_scatter{0};
};

} // namespace qntn

#endif // QNTN_RAN_RADIO_CHANNEL_H
