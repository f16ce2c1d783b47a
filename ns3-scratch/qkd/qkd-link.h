// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_QKD_LINK_H
#define QNTN_QKD_QKD_LINK_H

#include "qkd/finite-key.h"
#include "qkd/key-pool.h"
#include "qkd/key-rate.h"

#include "ns3/callback.h"
#include "ns3/random-variable-stream.h"

#include <optional>

namespace qntn
{

/// Which statistics the secret length of a block pays for.
enum class KeyLength : uint8_t
{
    Asymptotic, ///< vacuum + weak decoy in the limit of long statistics, Ma et al. 2005
    Finite,     ///< two decoys and the block's own counts, Lim et al. 2014
};

/// How blocks of finite length are made.
struct FiniteBlockConfig
{
    uint64_t blockBits{10'000'000}; ///< sifted bits in the key basis that are distilled together
    double basisProbability{0.9};   ///< of the key basis, at both ends
    Intensities intensities{0.5, 0.1, 0.0002};
    Intensities intensityProbabilities{0.7, 0.2, 0.1};
    double afterpulseProbability{0};
    double epsilonSecrecy{1e-9};
    double epsilonCorrectness{1e-15};
    bool capSinglePhotonErrors{false}; ///< see FiniteKeyConfig
};

/// A sifted block on its way to becoming key.
struct SiftedBlock
{
    uint64_t id{0};         ///< counts up within a link
    uint64_t detections{0}; ///< announced by the receiver
    uint64_t pulses{0};     ///< among which they were
    uint64_t siftedBits{0}; ///< in the key basis
    uint64_t leakBits{0};   ///< told by error correction
    uint64_t secretBits{0}; ///< left by privacy amplification; 0: too many errors
};

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
    double maxQber{0.11}; ///< a block with more errors yields nothing
    KeyLength keyLength{KeyLength::Asymptotic};
    FiniteBlockConfig finite{}; ///< with KeyLength::Finite
    uint64_t distilBits{10000}; ///< with KeyLength::Asymptotic: sifted bits distilled together
    uint64_t authenticationBits{256}; ///< key spent on tags for each block, distilled or not
    KeyPoolConfig pool{
        .initialBits = 65536, .minBits = 16384, .thresholdBits = 262144, .maxBits = 4194304};
};

/// A quantum link and the pool of the key it makes.
///
/// Counts of a period are drawn (Poisson). Asymptotic: sifted bits and errors; once distilBits are
/// there they are distilled with the observed QBER and the vacuum + weak decoy bounds of Ma et al.
/// 2005. Finite: detections and errors of each intensity in both bases; once finite.blockBits are
/// there, the length of Lim et al. 2014 follows from what was counted.
class QkdLink
{
  public:
    QkdLink(std::string name, const QkdLinkConfig& config);

    /// Send pulses for \p duration, up to \p now.
    void Run(ns3::Time duration, ns3::Time now);

    using BlockCallback = ns3::Callback<void, const SiftedBlock&>;
    /// Hand sifted blocks out, so that Store is called once both ends have agreed on the key.
    /// Without it the two ends agree at once.
    void SetBlockCallback(BlockCallback callback);
    /// Put the key of a block into the pool.
    void Store(uint64_t bits, ns3::Time now);
    /// Count a block that was lost on its way.
    void Abort();

    /// A cut fibre makes no key and relays none.
    void SetUp(bool up);
    bool IsUp() const;
    /// Transmittance of the channel without the receiver, in place of the configured loss; 0: no
    /// light comes through, and nothing is counted.
    void SetChannelTransmittance(double transmittance);
    /// Let no light through, whatever the channel's transmittance.
    void SetCloudy(bool cloudy);
    bool IsCloudy() const;
    /// Part of the pulses that an eavesdropper intercepts and sends again.
    void SetInterceptedFraction(double fraction);

    /// Secret bits a second that the physics allow, while up and deployed.
    double GetExpectedRateBps() const;
    /// Secret bits a second of finite blocks from expected counts; equal to GetExpectedRateBps
    /// where key is asymptotic.
    double GetBlockRateBps() const;
    /// Errors among the sifted bits of the last distilled block; the expectation before the first.
    double GetQber() const;
    double GetLossDb() const;
    uint64_t GetSiftedBits() const;
    uint64_t GetNumBlocks() const;
    /// Blocks that yielded nothing: too many errors, or lost on their way.
    uint64_t GetNumAbortedBlocks() const;
    const QkdLinkConfig& GetConfig() const;
    /// Assert that every bit is accounted for, and that no more key was made than bits were sifted.
    void Check() const;
    const KeyPool& GetPool() const;
    KeyPool& GetPool();

    /// \return streams used
    int64_t AssignStreams(int64_t stream);

  private:
    void Estimate();
    uint64_t DrawPoisson(double mean);
    void RunFinite(double pulses, ns3::Time now);
    void Distil(ns3::Time now);
    void DistilFinite(ns3::Time now);
    void Finish(const SiftedBlock& block, ns3::Time now);
    FiniteKeyConfig GetFiniteKeyConfig() const;

    QkdLinkConfig m_config;
    KeyPool m_pool;
    double m_lossDb;
    double m_interceptedFraction{0};
    DecoyEstimate m_estimate{};
    double m_transmittance{0}; ///< receiver included
    bool m_up{true};
    bool m_cloudy{false};
    BlockCallback m_blockCallback;
    DetectionProbabilities m_pulse{}; ///< of finite blocks, eavesdropper included
    FiniteKeyObservation m_counts{};  ///< of the finite block under way
    double m_xErrors{0};              ///< in the key basis of the finite block under way
    double m_blockPulses{0};
    uint64_t m_unsifted{0}; ///< detections in unlike bases of the block under way
    uint64_t m_sifted{0};   ///< waiting to be distilled
    uint64_t m_errors{0};   ///< among m_sifted
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
