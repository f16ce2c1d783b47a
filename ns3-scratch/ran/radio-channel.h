// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_RADIO_CHANNEL_H
#define QNTN_RAN_RADIO_CHANNEL_H

#include "ran/correlated-field.h"
#include "ran/normal-source.h"
#include "ran/ntn-loss.h"
#include "ran/pathloss.h"
#include "ran/ran-types.h"

#include "ns3/mobility-model.h"
#include "ns3/ptr.h"
#include "ns3/random-variable-stream.h"

#include <array>
#include <complex>
#include <memory>
#include <vector>

namespace qntn
{

/// Every link between cells and users.
///
/// Slow part, on request: path loss, line of sight and shadowing, as functions of where the user is
/// (TR 38.901 for gNBs, TR 38.811 for satellites). Fast part: fading of the serving link in
/// sub-bands, Rician or Rayleigh, a first-order process whose correlation over a step is that of
/// the Doppler spectrum. Interference: the mean power of each other cell on the frequency, in the
/// sub-bands where it transmits in the slot.
class RadioChannel
{
  public:
    static constexpr uint32_t NUM_SUBBANDS = 8;
    using Subbands = std::array<double, NUM_SUBBANDS>;

    /// Adds to each sub-band the PRBs of a block that lie in it. Blocks go on at the carrier's
    /// start.
    static void AddPrbs(Subbands& prbs, uint32_t firstPrb, uint32_t numPrbs, uint32_t carrierPrbs);

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

    /// Received power over noise without fading and interference, dB.
    double GetSnrDb(uint32_t cellIndex, uint32_t ueIndex) const;
    /// Mean SINR over the carrier with fading and the recent mean interference, dB: what a user
    /// measures.
    double MeasureSinrDb(uint32_t cellIndex, uint32_t ueIndex) const;
    /// Effective SINR of PRBs in the present slot, linear: that of a flat channel with the same
    /// mean log2(1 + SINR) over these PRBs.
    double GetSinr(uint32_t cellIndex,
                   uint32_t ueIndex,
                   uint32_t firstPrb,
                   uint32_t numPrbs,
                   uint32_t carrierPrbs) const;

    bool IsAvailable(uint32_t cellIndex) const;
    double GetElevationDeg(uint32_t cellIndex) const;
    double GetSlantRangeM(uint32_t cellIndex, uint32_t ueIndex) const;

  private:
    struct Cell
    {
        bool isNtn;
        ns3::Vector position; ///< of a gNB, or of the beam's centre
        CarrierConfig carrier;
        double eirpPerPrbDbm; ///< of each layer
        std::unique_ptr<NtnCellConfig> ntn;
        NtnEnvironment environment{NtnEnvironment::URBAN};
        double elevationDeg{90};
        bool available{true};
        std::vector<CorrelatedField>
            fields; ///< line of sight, shadowing with it, shadowing without
        Subbands subbandPrbs{};
        Subbands activity{}; ///< parts of the sub-bands in use
        Subbands meanActivity{};
    };

    /// A link between a cell and a user.
    struct Link
    {
        double rxPerPrbMw{0}; ///< mean
        double noisePerPrbMw{1};
        double slantRangeM{0};
        double kFactor{0}; ///< Rician, linear; 0 is Rayleigh
    };

    struct Ue
    {
        ns3::Ptr<ns3::MobilityModel> mobility;
        std::array<std::complex<double>, NUM_SUBBANDS> scattered{};
        Subbands fading; ///< power gain of the serving link
        double kFactor{0};
        double dopplerHz{-1};  ///< that the two below are for
        double correlation{1}; ///< of a tap over a step
        double innovation{0};
    };

    Link MakeGnbLink(const Cell& cell, const Ue& ue) const;
    Link MakeNtnLink(const Cell& cell, const Ue& ue, const Ecef& satellite) const;
    const Link& GetLink(uint32_t cellIndex, uint32_t ueIndex) const;
    double InterferenceMw(uint32_t cellIndex, uint32_t ueIndex, uint32_t subband, bool mean) const;
    void SetFadingGains(Ue& ue) const;
    std::complex<double> Draw();

    std::vector<Cell> m_cells;
    std::vector<Ue> m_ues;
    std::vector<Link> m_links;                        ///< [cell][user]
    std::vector<std::vector<uint32_t>> m_interferers; ///< by cell: others on its frequency
    ns3::Ptr<ns3::UniformRandomVariable> m_keys;
    NormalSource m_scatter{0};
};

} // namespace qntn

#endif // QNTN_RAN_RADIO_CHANNEL_H
