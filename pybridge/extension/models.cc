// SPDX-License-Identifier: GPL-2.0-only
#include "module.h"
#include "orbit/require.h"
#include "qkd/finite-key.h"
#include "qkd/key-rate.h"
#include "qkd/satellite-link.h"
#include "ran/bler.h"
#include "ran/carrier.h"
#include "ran/nr-tables.h"
#include "ran/ntn-loss.h"
#include "ran/pathloss.h"
#include "ran/quota.h"
#include "ran/tbs.h"

#include <nanobind/stl/array.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace nb::literals;

namespace qntn
{

namespace
{

nb::dict
NtnLossDict(const std::string& environment,
            bool lineOfSight,
            double elevationDeg,
            double altitudeM,
            double frequencyHz)
{
    const auto loss =
        NtnLoss(ToNtnEnvironment(environment), lineOfSight, elevationDeg, altitudeM, frequencyHz);
    nb::dict parts;
    parts["fspl_db"] = loss.fspl;
    parts["clutter_db"] = loss.clutter;
    parts["gas_db"] = loss.gas;
    parts["scintillation_db"] = loss.scintillation;
    return parts;
}

void
BindRan(nb::module_& module)
{
    module.def("tbs_bits",
               &TbsBits,
               "num_prbs"_a,
               "mcs"_a,
               "mcs_table"_a,
               "num_symbols"_a = 14,
               "dmrs_res_per_prb"_a = 12,
               "overhead_res_per_prb"_a = 0,
               "num_layers"_a = 1);
    module.def(
        "mcs_parameters",
        [](int64_t mcs, int64_t table)
        {
            const Mcs scheme = McsParameters(mcs, table);
            return std::pair{static_cast<int>(scheme.modulationOrder), scheme.codeRate};
        },
        "mcs"_a,
        "mcs_table"_a);
    module.def("peak_rate_bps",
               &PeakRateBps,
               "num_prbs"_a,
               "numerology"_a,
               "num_layers"_a,
               "modulation_order"_a,
               "overhead_ratio"_a,
               "code_rate"_a = 948.0 / 1024,
               "scaling"_a = 1.0);
    module.def("bler", &Bler, "sinr_db"_a, "mcs"_a, "mcs_table"_a, "code_block_bits"_a);
    module.def(
        "pathloss_db",
        [](const std::string& name, bool los, double d2d, double hBs, double hUt, double f)
        {
            const PathlossModel model = ToPathlossModel(name);
            const double loss = PathlossDb(model, los, d2d, hBs, hUt, f);
            RequireApplicable(model, los, d2d, hBs, hUt);
            return loss;
        },
        "model"_a,
        "line_of_sight"_a,
        "distance_2d_m"_a,
        "base_height_m"_a,
        "ue_height_m"_a,
        "frequency_hz"_a);
    module.def("ntn_loss",
               &NtnLossDict,
               "environment"_a,
               "line_of_sight"_a,
               "elevation_deg"_a,
               "altitude_m"_a,
               "frequency_hz"_a);
    module.def("cnr_db",
               &CnrDb,
               "eirp_dbm"_a,
               "g_over_t_db_per_k"_a,
               "slant_range_m"_a,
               "frequency_hz"_a,
               "bandwidth_hz"_a,
               "atmospheric_db"_a = 0.0,
               "shadow_margin_db"_a = 0.0,
               "scintillation_db"_a = 0.0,
               "polarization_db"_a = 0.0,
               "additional_db"_a = 0.0);
    module.def("num_prbs",
               &NumPrbs,
               "bandwidth_hz"_a,
               "numerology"_a,
               "frequency_range_2"_a = false);
    module.def(
        "largest_remainder",
        [](const std::vector<double>& shares, int64_t total)
        {
            Require(total >= 0 && total <= UINT32_MAX, "total", total, "0 .. 4294967295");
            return LargestRemainder(shares, static_cast<uint32_t>(total));
        },
        "shares"_a,
        "total"_a);
}

void
BindQkd(nb::module_& module)
{
    module.def("fibre_transmittance",
               &FibreTransmittance,
               "length_km"_a,
               "attenuation_db_per_km"_a,
               "receiver_efficiency"_a);
    module.def(
        "signal_gain_and_qber",
        [](double mu, double transmittance, double darkCountProbability, double misalignment)
        {
            const auto [gain, qber] =
                SignalGainAndQber(mu, transmittance, darkCountProbability, misalignment);
            return std::pair{gain, qber};
        },
        "mu"_a,
        "transmittance"_a,
        "dark_count_probability"_a,
        "misalignment"_a);
    module.def("decoy_key_rate",
               &DecoyKeyRate,
               "mu"_a,
               "transmittance"_a,
               "dark_count_probability"_a,
               "misalignment"_a,
               "error_correction_efficiency"_a = 1.16,
               "sifting_ratio"_a = 0.5);
    module.def("vacuum_weak_key_rate",
               &VacuumWeakKeyRate,
               "mu"_a,
               "nu"_a,
               "transmittance"_a,
               "dark_count_probability"_a,
               "misalignment"_a,
               "error_correction_efficiency"_a = 1.16,
               "sifting_ratio"_a = 0.5);
    module.def("finite_key_length",
               &FiniteKeyLength,
               "block_size"_a,
               "intensities"_a,
               "intensity_probabilities"_a,
               "basis_probability"_a,
               "transmittance"_a,
               "dark_count_probability"_a,
               "afterpulse_probability"_a,
               "misalignment"_a,
               "error_correction_efficiency"_a,
               "epsilon_secrecy"_a,
               "epsilon_correctness"_a,
               "cap_single_photon_errors"_a = false);
    module.def("satellite_transmittance",
               &SatelliteTransmittance,
               "range_m"_a,
               "divergence_rad"_a,
               "receiver_diameter_m"_a,
               "pointing_jitter_rad"_a,
               "elevation_deg"_a,
               "receiver_efficiency"_a);
    module.def("qber_with_eavesdropper", &QberWithEavesdropper, "qber"_a, "intercepted_fraction"_a);
}

} // namespace

void
BindModels(nb::module_& module)
{
    auto orbit = module.def_submodule("orbit");
    auto ran = module.def_submodule("ran");
    auto qkd = module.def_submodule("qkd");
    BindOrbit(orbit);
    BindRan(ran);
    BindQkd(qkd);
}

} // namespace qntn
