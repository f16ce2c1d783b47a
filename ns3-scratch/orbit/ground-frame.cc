// SPDX-License-Identifier: GPL-2.0-only
#include "orbit/ground-frame.h"

#include <cmath>
#include <numbers>

namespace qntn
{

GroundFrame::GroundFrame(double latitudeDeg, double longitudeDeg)
    : m_origin(qntn::ToEcef(latitudeDeg, longitudeDeg, 0))
{
    const double latitude = latitudeDeg * std::numbers::pi / 180;
    const double longitude = longitudeDeg * std::numbers::pi / 180;
    m_east = {-std::sin(longitude), std::cos(longitude), 0};
    m_north = {-std::sin(latitude) * std::cos(longitude),
               -std::sin(latitude) * std::sin(longitude),
               std::cos(latitude)};
    m_up = {std::cos(latitude) * std::cos(longitude),
            std::cos(latitude) * std::sin(longitude),
            std::sin(latitude)};
}

Ecef
GroundFrame::ToEcef(double east, double north, double up) const
{
    return {m_origin.x + east * m_east.x + north * m_north.x + up * m_up.x,
            m_origin.y + east * m_east.y + north * m_north.y + up * m_up.y,
            m_origin.z + east * m_east.z + north * m_north.z + up * m_up.z};
}

GroundFrame::Local
GroundFrame::FromEcef(const Ecef& point) const
{
    const Ecef offset = point - m_origin;
    return {Dot(offset, m_east), Dot(offset, m_north), Dot(offset, m_up)};
}

} // namespace qntn
