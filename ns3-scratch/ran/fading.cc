// SPDX-License-Identifier: GPL-2.0-only
#include "ran/fading.h"

#include <cmath>
#include <numbers>

namespace qntn
{

void
Fading::Reset(NormalSource& random)
{
    // the angle of two independent normal numbers is uniform
    auto angle = [&]
    {
        const double y = random.Draw();
        return std::atan2(y, random.Draw());
    };
    const double amplitude = std::sqrt(1.0 / NUM_WAVES);
    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
    {
        const double first = angle();
        for (uint32_t w = 0; w < NUM_WAVES; ++w)
        {
            const uint32_t i = w * NUM_SUBBANDS + s;
            const double phase = angle();
            m_re[i] = amplitude * std::cos(phase);
            m_im[i] = amplitude * std::sin(phase);
            m_cosines[i] = std::cos((2 * std::numbers::pi * w + first) / NUM_WAVES);
        }
    }
    m_turnsPerStep = -1;
}

void
Fading::Step(double turnsPerStep)
{
    if (turnsPerStep != m_turnsPerStep)
    {
        m_turnsPerStep = turnsPerStep;
        for (uint32_t i = 0; i < NUM_ALL; ++i)
        {
            const double turn = 2 * std::numbers::pi * turnsPerStep * m_cosines[i];
            m_turnRe[i] = std::cos(turn);
            m_turnIm[i] = std::sin(turn);
        }
    }
    for (uint32_t i = 0; i < NUM_ALL; ++i)
    {
        const double re = m_re[i] * m_turnRe[i] - m_im[i] * m_turnIm[i];
        m_im[i] = m_re[i] * m_turnIm[i] + m_im[i] * m_turnRe[i];
        m_re[i] = re;
    }
}

const Subbands&
Fading::GetGains(double kFactor)
{
    const double direct = std::sqrt(kFactor / (kFactor + 1));
    const double scatter = std::sqrt(1 / (kFactor + 1));
    Subbands re{};
    Subbands im{};
    for (uint32_t w = 0; w < NUM_WAVES; ++w)
    {
        for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
        {
            re[s] += m_re[w * NUM_SUBBANDS + s];
            im[s] += m_im[w * NUM_SUBBANDS + s];
        }
    }
    for (uint32_t s = 0; s < NUM_SUBBANDS; ++s)
    {
        const double x = direct + scatter * re[s];
        const double y = scatter * im[s];
        m_gains[s] = x * x + y * y;
    }
    return m_gains;
}

} // namespace qntn
