// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_QKD_LINK_H
#define QNTN_QKD_QKD_LINK_H

#include "qkd/key-pool.h"
#include "qkd/key-rate.h"

#include "ns3/random-variable-stream.h"

#include <optional>

namespace qntn
{

/// One decoy-state BB84 link; the transmitter is at siteA, the receiver at siteB.
struct QkdLinkConfig
{
    uint32_t siteA{0};
    uint32_t siteB{0};
    double lengthKm{0};
    std::optional<double> lossDb{}; ///< measured; without it length times attenuation
    double attenuationDbPerKm{0.2};
    double pulseRateHz{1e9}; ///< all intensities together
    double signalRatio{0.9}; ///< part of the pulses that carries the signal intensity
    double mu{0.5};          ///< photons a signal pulse
    double nu{0.1};          ///< photons a weak decoy pulse
    double receiverEfficiency{0.1};
    double darkCountProbability{6e-7}; ///< a detector and pulse
    double misalignment{0.005};
    double errorCorrectionEfficiency{1.16};
    double siftingRatio{0.5};
    uint64_t distilBits{10000};       ///< sifted bits that are distilled together
    uint64_t authenticationBits{256}; ///< key spent on tags for each distilled block
    KeyPoolConfig pool{
        .initialBits = 65536, .minBits = 16384, .thresholdBits = 262144, .maxBits = 4194304};
};

/// A quantum link and the pool of the key it makes.
///
/// Sifted bits and errors of a period are drawn (Poisson); once distilBits are there they are
/// distilled with the observed QBER and the vacuum + weak decoy bounds of Ma et al. 2005 in the
/// limit of long statistics.
class QkdLink
{
  public:
    QkdLink(std::string name, const QkdLinkConfig& config);

    /// Send pulses for \p duration, up to \p now.
    void Run(ns3::Time duration, ns3::Time now);

    /// A cut fibre makes no key and relays none.
    void SetUp(bool up);
    bool IsUp() const;
    /// Part of the pulses that an eavesdropper intercepts and sends again.
    void SetInterceptedFraction(double fraction);

    /// Secret bits a second that the physics allow, while up and deployed.
    double GetExpectedRateBps() const;
    /// Errors among the sifted bits of the last distilled block; the expectation before the first.
    double GetQber() const;
    double GetLossDb() const;
    uint64_t GetSiftedBits() const;
    uint64_t GetNumBlocks() const;
    /// Blocks that yielded nothing: too many errors.
    uint64_t GetNumAbortedBlocks() const;
    const QkdLinkConfig& GetConfig() const;
    const KeyPool& GetPool() const;
    KeyPool& GetPool();

    /// \return streams used
    int64_t AssignStreams(int64_t stream);

  private:
    void Estimate();
    uint64_t DrawPoisson(double mean);
    void Distil(ns3::Time now);

    QkdLinkConfig m_config;
    KeyPool m_pool;
    double m_lossDb;
    double m_interceptedFraction{0};
    DecoyEstimate m_estimate{};
    bool m_up{true};
    uint64_t m_sifted{0}; ///< waiting to be distilled
    uint64_t m_errors{0}; ///< among m_sifted
    uint64_t m_totalSifted{0};
    uint64_t m_numBlocks{0};
    uint64_t m_numAborted{0};
    double m_fraction{0}; ///< of a bit, carried to the next block
    double m_qber{0};
    ns3::Ptr<ns3::UniformRandomVariable> m_uniform;
    ns3::Ptr<ns3::NormalRandomVariable> m_normal;
};

} // namespace qntn

#endif // QNTN_QKD_QKD_LINK_H
