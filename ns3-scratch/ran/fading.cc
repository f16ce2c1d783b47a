// SPDX-License-Identifier: GPL-2.0-only
#include "ran/fading.h"

#include <algorithm>
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
    m_moved = 0;
}

void
Fading::Step(double turnsPerStep)
{
    m_moved += turnsPerStep * SAMPLES_A_TURN;
    if (m_moved >= NUM_SAMPLES)
    {
        m_moved = std::fmod(m_moved, NUM_SAMPLES);
    }
}

const Subbands&
Fading::GetGains(double kFactor)
{
    const Sample* recording = GetRecording();
    const double direct = std::sqrt(kFactor / (kFactor + 1));
    const double scatter = std::sqrt(1 / (kFactor + 1));
    const auto whole = static_cast<uint32_t>(m_moved);
    const double right = m_moved - whole;
    const double left = 1 - right;
    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
    {
        const Sample* at = recording + (m_places[s] + whole) % NUM_SAMPLES;
        const double x = direct + scatter * (left * at[0].re + right * at[1].re);
        const double y = scatter * (left * at[0].im + right * at[1].im);
        m_gains[s] = x * x + y * y;
    }
    return m_gains;
}

} // namespace qntn
