// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/xr-source.h"

#include "ns3/double.h"

#include <algorithm>
#include <cmath>

using namespace ns3;

namespace qntn
{

NS_OBJECT_ENSURE_REGISTERED(XrSource);

TypeId
XrSource::GetTypeId()
{
    static TypeId tid =
        TypeId("qntn::XrSource")
            .SetParent<TrafficSource>()
            .SetGroupName("Metaverse")
            .AddConstructor<XrSource>()
            .AddAttribute("Rate",
                          "Mean rate at full admission, bits a second.",
                          DoubleValue(30e6),
                          MakeDoubleAccessor(&XrSource::m_rate_bps),
                          MakeDoubleChecker<double>(1e3, 1e9))
            .AddAttribute("FramesPerSecond",
                          "Frames a second.",
                          DoubleValue(60),
                          MakeDoubleAccessor(&XrSource::m_framesPerSecond),
                          MakeDoubleChecker<double>(1, 1000))
            .AddAttribute(
                "SizeDeviation",
                "Standard deviation of a frame's size before truncation, as a part of the mean "
                "(TR 38.838, Table 5.1.1.1-1).",
                DoubleValue(0.105),
                MakeDoubleAccessor(&XrSource::m_sizeDeviation),
                MakeDoubleChecker<double>(0, 1))
            .AddAttribute("SizeRange",
                          "Furthest from the mean that a size may be, as a part of the mean.",
                          DoubleValue(0.5),
                          MakeDoubleAccessor(&XrSource::m_sizeRange),
                          MakeDoubleChecker<double>(0, 1))
            .AddAttribute(
                "JitterDeviation",
                "Standard deviation of the jitter before truncation (TR 38.838, 5.1.1.2).",
                TimeValue(MilliSeconds(2)),
                MakeTimeAccessor(&XrSource::m_jitterDeviation),
                MakeTimeChecker(Seconds(0)))
            .AddAttribute("JitterRange",
                          "Furthest that a frame may be early or late.",
                          TimeValue(MilliSeconds(4)),
                          MakeTimeAccessor(&XrSource::m_jitterRange),
                          MakeTimeChecker(Seconds(0)));
    return tid;
}

XrSource::XrSource()
    : m_size(CreateObject<NormalRandomVariable>()),
      m_jitter(CreateObject<NormalRandomVariable>()),
      m_phase(CreateObject<UniformRandomVariable>())
{
}

void
XrSource::SetAdmission(double ratio)
{
    m_admission = std::clamp(ratio, 0.0, 1.0);
}

double
XrSource::GetQuality() const
{
    return std::sqrt(m_admission);
}

double
XrSource::GetNominalRateBps() const
{
    return m_rate_bps;
}

int64_t
XrSource::AssignStreams(int64_t stream)
{
    m_size->SetStream(stream);
    m_jitter->SetStream(stream + 1);
    m_phase->SetStream(stream + 2);
    return 3;
}

Time
XrSource::DrawArrival(Time now)
{
    const double period_s = 1 / m_framesPerSecond;
    NS_ABORT_MSG_IF(2 * m_jitterRange.GetSeconds() > period_s,
                    "XrSource: JitterRange " << m_jitterRange.As(Time::MS)
                                             << " lets frames overtake; at " << m_framesPerSecond
                                             << " frames/s it may be half a period");
    if (!m_started)
    {
        m_started = true;
        m_nominal = now + m_jitterRange + Seconds(m_phase->GetValue(0, period_s));
    }
    else
    {
        m_nominal += Seconds(period_s);
    }
    const double deviation_s = m_jitterDeviation.GetSeconds();
    const double jitter_s =
        m_jitter->GetValue(0, deviation_s * deviation_s, m_jitterRange.GetSeconds());
    return std::max(now, m_nominal + Seconds(jitter_s));
}

uint32_t
XrSource::DrawBytes()
{
    const double mean = m_rate_bps * m_admission / m_framesPerSecond / 8;
    const double deviation = m_sizeDeviation * mean;
    const double bytes = m_size->GetValue(mean, deviation * deviation, m_sizeRange * mean);
    return std::max(1U, static_cast<uint32_t>(std::lround(bytes)));
}

} // namespace qntn
