// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_COST_SET_H
#define QNTN_QKD_COST_SET_H

#include <string>

namespace qntn
{

/// Prices of the equipment of key distribution.
struct DevicePrices
{
    double transmitter{0};
    double receiver{0};
    double keyManager{0};
    double security{0};    ///< infrastructure of a trusted site
    double multiplexer{0}; ///< one end of a link
    double fibrePerKm{0};
};

/// What relays cost, reserved ahead and on demand.
struct CostSet
{
    std::string name;
    std::string unit;
    std::string source;
    bool verified{false};
    DevicePrices reserved;
    DevicePrices onDemand;

    /// Name to show; carries "(unverified)" where it applies.
    std::string GetLabel() const;
};

/// Read the set \p name from a file in the format of data/qkd/cost-sets.json.
/// \throw std::invalid_argument that names file, field and value, and the nearest set
CostSet ReadCostSet(const std::string& path, const std::string& name);

} // namespace qntn

#endif // QNTN_QKD_COST_SET_H
