#include "predict/rates_file.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/files.hpp"
#include "base/whole.hpp"

namespace troupe {
namespace {

using Json = nlohmann::json;
constexpr int kFormat = 2;
constexpr std::int64_t kLargestFile = 1 << 20;

/// Every rate with its name in the file: the one list for both directions.
template <class R, class F>
void each_rate(R& rates, F&& field) {
  field("convolution", rates.convolution);
  field("product", rates.product);
  field("near", rates.near);
  field("far", rates.far);
  field("sum", rates.sum);
  field("update", rates.update);
  field("convolution_cost", rates.convolution_cost);
  field("product_cost", rates.product_cost);
  field("kernel_cost", rates.kernel_cost);
  field("arithmetic_share", rates.arithmetic_share);
  field("near_share", rates.near_share);
  field("far_share", rates.far_share);
  field("shared_cache", rates.shared_cache);
}

}  // namespace

Result<DeviceRates> read_rates(const std::filesystem::path& file, const std::string& device) {
  const auto text = read_file(file, kLargestFile);
  if (!text) return fail(text.error());
  const Error broken{ErrorCode::bad_data,
                     "this file of a device's rates makes no sense",
                     file.string(),
                     "",
                     "",
                     "They are measured again, and the file written anew"};
  try {
    const Json json = Json::parse(*text);
    DeviceRates rates;
    rates.device = json.at("device").get<std::string>();
    if (json.at("format") != kFormat || rates.device != device)
      return fail(
          {ErrorCode::not_found, "the rates are of another device", file.string(), rates.device, device, ""});
    rates.cores = whole<int>(json.at("cores"));
    each_rate(rates, [&](const char* name, auto& value) { json.at(name).get_to(value); });
    if (!rates.valid()) return fail(broken);
    return rates;
  } catch (const Json::exception&) {
    return fail(broken);
  } catch (const ErrorException&) {  // of `whole`
    return fail(broken);
  }
}

Result<void> write_rates(const std::filesystem::path& file, const DeviceRates& rates) {
  Json json = {{"format", kFormat}, {"device", rates.device}, {"cores", rates.cores}};
  each_rate(rates, [&](const char* name, const auto& value) { json[name] = value; });
  if (auto made = make_writable_folder(file.parent_path()); !made) return made;
  return write_file(file, json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

RatesSource::RatesSource(std::filesystem::path file, std::string device, std::function<DeviceRates()> measure)
    : file_(std::move(file)), device_(std::move(device)), measure_(std::move(measure)) {}

std::optional<DeviceRates> RatesSource::get() {
  const std::lock_guard lock(mutex_);
  if (rates_ || !measure_) return rates_;
  auto kept = read_rates(file_, device_);
  if (kept) return rates_ = *kept;
  if (kept.error().code != ErrorCode::not_found) troubles_.push_back(kept.error());
  auto rates = measure_();
  rates.device = device_;
  if (!rates.valid()) {
    troubles_.push_back({ErrorCode::internal, "this device's rates could not be measured", device_, "", "",
                         "Step times are told once they are seen"});
    measure_ = {};
    return rates_;
  }
  rates_ = std::move(rates);
  if (auto written = write_rates(file_, *rates_); !written) troubles_.push_back(written.error());
  return rates_;
}

std::vector<Error> RatesSource::troubles() {
  const std::lock_guard lock(mutex_);
  return std::exchange(troubles_, {});
}

}  // namespace troupe
