// SPDX-License-Identifier: GPL-2.0-only
#include "ran/fading.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

namespace qntn
{

namespace
{

constexpr uint32_t SAMPLES_A_TURN = 16;
constexpr uint32_t NUM_TURNS = 4096;
constexpr uint32_t NUM_SAMPLES = SAMPLES_A_TURN * NUM_TURNS; // a power of two
constexpr uint64_t RECORDING_SEED = 38'901;                  // any: the recording is a constant

struct Sample
{
    float re;
    float im;
};

/// Inverse discrete Fourier transform in place, not scaled; the size is a power of two.
void
Transform(std::vector<std::complex<double>>& values)
{
    const size_t size = values.size();
    for (size_t i = 1, j = 0; i < size; ++i) // bit reversal
    {
        size_t bit = size / 2;
        for (; (j & bit) != 0; bit /= 2)
        {
            j ^= bit;
        }
        j ^= bit;
        if (i < j)
        {
            std::swap(values[i], values[j]);
        }
    }
    std::vector<std::complex<double>> turns(size / 2);
    for (size_t k = 0; k < turns.size(); ++k)
    {
        turns[k] = std::polar(1.0, 2 * std::numbers::pi * static_cast<double>(k) / size);
    }
    for (size_t half = 1; half < size; half *= 2)
    {
        const size_t stride = turns.size() / half;
        for (size_t start = 0; start < size; start += 2 * half)
        {
            for (size_t k = 0; k < half; ++k)
            {
                const auto odd = values[start + half + k] * turns[k * stride];
                values[start + half + k] = values[start + k] - odd;
                values[start + k] += odd;
            }
        }
    }
}

/// What a straight line between samples leaves of the power of a wave, in the mean over the line.
double
LineGain(double turnsPerSample)
{
    return (2 + std::cos(2 * std::numbers::pi * turnsPerSample)) / 3;
}

std::vector<Sample>
MakeRecording()
{
    // a bin of the spectrum takes the arrivals from an interval of angles, its power the interval's
    // part of the circle; random phases make the sum of thousands of bins Gaussian
    NormalSource random(RECORDING_SEED);
    std::vector<std::complex<double>> values(NUM_SAMPLES);
    const auto toAngle = [](double bin)
    { return std::acos(std::clamp(bin / NUM_TURNS, -1.0, 1.0)) / std::numbers::pi; };
    for (int32_t bin = -static_cast<int32_t>(NUM_TURNS); bin <= static_cast<int32_t>(NUM_TURNS);
         ++bin)
    {
        const double part = toAngle(bin - 0.5) - toAngle(bin + 0.5);
        const double y = random.Draw();
        const double phase = std::atan2(y, random.Draw());
        const double power = part / LineGain(static_cast<double>(bin) / NUM_SAMPLES);
        values[(bin + NUM_SAMPLES) % NUM_SAMPLES] = std::polar(std::sqrt(power), phase);
    }
    Transform(values);
    std::vector<Sample> samples(NUM_SAMPLES + 1); // the first one again at the end
    for (uint32_t i = 0; i <= NUM_SAMPLES; ++i)
    {
        const auto& value = values[i % NUM_SAMPLES];
        samples[i] = {static_cast<float>(value.real()), static_cast<float>(value.imag())};
    }
    return samples;
}

const Sample*
GetRecording()
{
    static const auto recording = MakeRecording();
    return recording.data();
}

/// First PRB of a sub-band, or the end of the one before.
uint32_t
FirstPrb(uint32_t subband, uint32_t carrierPrbs)
{
    return (subband * carrierPrbs + NUM_SUBBANDS - 1) / NUM_SUBBANDS;
}

/// Four sub-bands side by side: the compiler's vectors, as it finds none in the loops below itself.
using Four = float __attribute__((vector_size(16)));
constexpr uint32_t NUM_FOURS = NUM_SUBBANDS / 4;

/// A complex number for each sub-band, or each wave.
struct Waves
{
    std::array<Four, NUM_FOURS> re{};
    std::array<Four, NUM_FOURS> im{};
};

constexpr double LEAST_SPREAD = 0.003; ///< 16 sub-bands are one below
constexpr double MOST_SPREAD = 10;     ///< neighbours' powers have a correlation of 0.01 above
constexpr double SPREAD_STEP = 1.15;   ///< between matrices that are kept
constexpr double LEAST_POWER = 0.003;  ///< of a sub-band, that a mixture may leave out

} // namespace

/// How sub-bands are mixed from independent waves.
struct SubbandMixing
{
    uint32_t numWaves{0};
    std::array<Waves, NUM_SUBBANDS> columns{}; ///< [wave], by sub-band
};

namespace
{

/// Cholesky factor of the sub-bands' correlation. The sub-band of which most power is not yet
/// explained comes first; when little is left anywhere, the rest is given to what is there.
SubbandMixing
MakeMixing(double spread)
{
    using Column = std::array<std::complex<double>, NUM_SUBBANDS>;
    std::array<Column, NUM_SUBBANDS> columns{};
    Subbands left;
    left.fill(1);
    SubbandMixing mixing;
    while (mixing.numWaves < NUM_SUBBANDS)
    {
        const auto pivot = static_cast<uint32_t>(std::ranges::max_element(left) - left.begin());
        if (left[pivot] < LEAST_POWER)
        {
            break;
        }
        Column& column = columns[mixing.numWaves];
        const double scale = 1 / std::sqrt(left[pivot]);
        for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
        {
            const double distance = static_cast<double>(s) - pivot;
            std::complex<double> sum = 1.0 / std::complex(1.0, distance * spread);
            for (uint32_t w = 0; w < mixing.numWaves; ++w)
            {
                sum -= columns[w][s] * std::conj(columns[w][pivot]);
            }
            column[s] = sum * scale;
            left[s] = std::max(left[s] - std::norm(column[s]), 0.0);
        }
        ++mixing.numWaves;
    }
    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
    {
        for (uint32_t w = 0; w < mixing.numWaves; ++w)
        {
            const auto value = columns[w][s] / std::sqrt(1 - left[s]);
            mixing.columns[w].re[s / 4][s % 4] = static_cast<float>(value.real());
            mixing.columns[w].im[s / 4][s % 4] = static_cast<float>(value.imag());
        }
    }
    return mixing;
}

const SubbandMixing*
FindMixing(double spread)
{
    static const auto mixings = []
    {
        std::vector<SubbandMixing> all;
        for (double step = LEAST_SPREAD; step < MOST_SPREAD; step *= SPREAD_STEP)
        {
            all.push_back(MakeMixing(step * std::sqrt(SPREAD_STEP)));
        }
        return all;
    }();
    if (spread >= MOST_SPREAD)
    {
        return nullptr;
    }
    const double step = std::log(std::max(spread / LEAST_SPREAD, 1.0)) / std::log(SPREAD_STEP);
    return &mixings[std::min(static_cast<size_t>(step), mixings.size() - 1)];
}

Waves
Mix(const SubbandMixing& mixing, const std::array<Sample, NUM_SUBBANDS>& waves)
{
    Waves mixed;
    for (uint32_t w = 0; w < mixing.numWaves; ++w)
    {
        const Waves& column = mixing.columns[w];
        for (uint32_t f = 0; f < NUM_FOURS; ++f)
        {
            mixed.re[f] += column.re[f] * waves[w].re - column.im[f] * waves[w].im;
            mixed.im[f] += column.re[f] * waves[w].im + column.im[f] * waves[w].re;
        }
    }
    return mixed;
}

} // namespace

void
AddPrbs(Subbands& prbs, uint32_t firstPrb, uint32_t numPrbs, uint32_t carrierPrbs)
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

double
MeanOverPrbs(const std::array<float, NUM_SUBBANDS>& values,
             uint32_t firstPrb,
             uint32_t numPrbs,
             uint32_t carrierPrbs)
{
    Subbands prbs{};
    AddPrbs(prbs, firstPrb, numPrbs, carrierPrbs);
    double sum = 0;
    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
    {
        sum += prbs[s] * values[s];
    }
    return sum / numPrbs;
}

void
Fading::Reset(NormalSource& random)
{
    for (uint32_t& place : m_places)
    {
        // the angle of two independent normal numbers is uniform
        const double y = random.Draw();
        const double turn = std::atan2(y, random.Draw()) / (2 * std::numbers::pi) + 0.5;
        place = static_cast<uint32_t>(turn * NUM_SAMPLES) % NUM_SAMPLES;
    }
    m_kDeviation = static_cast<float>(random.Draw());
    m_spreadDeviation = static_cast<float>(random.Draw());
    m_moved = 0;
    m_directTurns = 0;
}

double
Fading::GetKDeviation() const
{
    return m_kDeviation;
}

double
Fading::GetSpreadDeviation() const
{
    return m_spreadDeviation;
}

void
Fading::SetShape(double kFactor, double spread)
{
    m_direct = static_cast<float>(std::sqrt(kFactor / (kFactor + 1)));
    m_scatter = static_cast<float>(std::sqrt(1 / (kFactor + 1)));
    m_mixing = FindMixing(spread);
}

void
Fading::Step(double turnsPerStep, double directTurns)
{
    m_moved += turnsPerStep * SAMPLES_A_TURN;
    if (m_moved >= NUM_SAMPLES)
    {
        m_moved = std::fmod(m_moved, NUM_SAMPLES);
    }
    m_directTurns += directTurns;
    m_directTurns -= static_cast<double>(static_cast<int64_t>(m_directTurns));
}

const Subbands&
Fading::GetGains()
{
    const Sample* recording = GetRecording();
    const auto whole = static_cast<uint32_t>(m_moved);
    const auto right = static_cast<float>(m_moved - whole);
    const float left = 1 - right;
    const uint32_t numWaves = m_mixing ? m_mixing->numWaves : NUM_SUBBANDS;
    std::array<Sample, NUM_SUBBANDS> waves;
    for (uint32_t w = 0; w < numWaves; ++w)
    {
        const Sample* at = recording + (m_places[w] + whole) % NUM_SAMPLES;
        waves[w] = {left * at[0].re + right * at[1].re, left * at[0].im + right * at[1].im};
    }
    float x = 0;
    float y = 0;
    if (m_direct > 0)
    {
        const auto angle = static_cast<float>(2 * std::numbers::pi * m_directTurns);
        x = m_direct * std::cos(angle);
        y = m_direct * std::sin(angle);
    }
    if (!m_mixing)
    {
        for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
        {
            const float re = x + m_scatter * waves[s].re;
            const float im = y + m_scatter * waves[s].im;
            m_gains[s] = re * re + im * im;
        }
        return m_gains;
    }
    const Waves mixed = Mix(*m_mixing, waves);
    for (uint32_t f = 0; f < NUM_FOURS; ++f)
    {
        const Four re = x + m_scatter * mixed.re[f];
        const Four im = y + m_scatter * mixed.im[f];
        const Four gains = re * re + im * im;
        for (uint32_t lane = 0; lane < 4; ++lane)
        {
            m_gains[4 * f + lane] = gains[lane];
        }
    }
    return m_gains;
}

} // namespace qntn
