// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/cost-set.h"

#include "qkd/data-file.h"
#include "qkd/require.h"

namespace qntn
{

namespace
{

DevicePrices
ReadPrices(const nlohmann::ordered_json& entry, const std::string& where)
{
    RequireKnownFields(
        entry,
        {"transmitter", "receiver", "key_manager", "security", "multiplexer", "fibre_per_km"},
        where);
    const auto price = [&](const char* field)
    { return ReadNumber(entry, field, where, 0, UNBOUNDED); };
    return {price("transmitter"),
            price("receiver"),
            price("key_manager"),
            price("security"),
            price("multiplexer"),
            price("fibre_per_km")};
}

DevicePrices
Scale(const DevicePrices& prices, double ratio)
{
    return {prices.transmitter * ratio,
            prices.receiver * ratio,
            prices.keyManager * ratio,
            prices.security * ratio,
            prices.multiplexer * ratio,
            prices.fibrePerKm * ratio};
}

} // namespace

std::string
CostSet::GetLabel() const
{
    return verified ? name : name + " (unverified)";
}

CostSet
ReadCostSet(const std::string& path, const std::string& name)
{
    const auto entry = ReadDataEntry(path, name, "cost set");
    const std::string where = path + ": cost set " + name;
    RequireKnownFields(entry,
                       {"unit", "status", "source", "reserved", "on_demand", "on_demand_ratio"},
                       where);
    CostSet set{
        name,
        ReadText(entry, "unit", where),
        ReadText(entry, "source", where),
        ReadText(entry, "status", where) != "unverified",
        ReadPrices(entry.value("reserved", nlohmann::ordered_json::object()), where + ", reserved"),
        {}};
    set.onDemand =
        entry.contains("on_demand")
            ? ReadPrices(entry["on_demand"], where + ", on_demand")
            : Scale(set.reserved, ReadNumber(entry, "on_demand_ratio", where, 0, UNBOUNDED));
    return set;
}

} // namespace qntn
