#pragma once
// Operators with their gradients, one a row.
#include <torch/torch.h>

#include <functional>
#include <ostream>
#include <vector>

namespace troupe::test {

namespace F = torch::nn::functional;
using at::Tensor;
using Tensors = std::vector<Tensor>;

inline Tensor floats(std::vector<std::int64_t> sizes) { return torch::rand(sizes).requires_grad_(true); }
inline Tensor classes(std::vector<std::int64_t> sizes) { return torch::zeros(sizes, torch::kLong); }

/// Results and the gradients of all that asks for them.
inline Tensors with_gradients(Tensors inputs, const Tensor& result) {
  Tensors all = torch::autograd::grad({result.sum()}, inputs, {}, {}, false, true);
  all.push_back(result);
  return all;
}

struct Row {
  const char* name;
  std::function<Tensors()> run;
};
inline void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

inline Tensors of_one(std::vector<std::int64_t> sizes, const std::function<Tensor(const Tensor&)>& f) {
  const Tensor x = floats(std::move(sizes));
  return with_gradients({x}, f(x));
}

inline Tensors convolution(std::vector<std::int64_t> x_sizes, std::vector<std::int64_t> w_sizes,
                           std::int64_t stride, std::int64_t padding, std::int64_t groups, bool transposed,
                           bool channels_last = false) {
  Tensor x = floats(std::move(x_sizes)), w = floats(w_sizes),
         b = floats({transposed ? w_sizes[1] * groups : w_sizes[0]});
  const std::vector<std::int64_t> s(w_sizes.size() - 2, stride), p(w_sizes.size() - 2, padding),
      one(w_sizes.size() - 2, 1), none(w_sizes.size() - 2, 0);
  Tensor in = channels_last ? x.contiguous(at::MemoryFormat::ChannelsLast) : x;
  return with_gradients({x, w, b}, at::convolution(in, w, b, s, p, one, transposed, none, groups));
}

inline const std::vector<Row>& table() {
  static const std::vector<Row> rows{
      {"relu",
       [] {
         return of_one({3, 40}, [](const Tensor& x) { return torch::relu(x); });
       }},
      {"relu_",
       [] {
         return of_one({3, 40}, [](const Tensor& x) { return (2 * x).relu_(); });
       }},
      {"prelu",
       [] {
         Tensor w = floats({4});
         return of_one({3, 4, 5}, [w](const Tensor& x) { return torch::prelu(x, w); });
       }},
      {"abs",
       [] {
         return of_one({3, 40}, [](const Tensor& x) { return x.abs(); });
       }},
      {"where",
       [] {
         return of_one({3, 40}, [](const Tensor& x) { return torch::where(x > 0.5, x, x.new_zeros({40})); });
       }},
      {"var_mean",
       [] {
         return of_one({3, 40, 5}, [](const Tensor& x) {
           auto [v, m] = torch::var_mean(x, {1}, true);
           return v + m;
         });
       }},
      {"var",
       [] {
         return of_one({3, 40, 5}, [](const Tensor& x) { return x.var({0, 2}, true, true); });
       }},
      {"norm",
       [] {
         return of_one({3, 40}, [](const Tensor& x) { return x.norm(2, 1); });
       }},
      {"softmax",
       [] {
         return of_one({3, 40}, [](const Tensor& x) { return torch::softmax(x, 1); });
       }},
      {"gelu",
       [] {
         return of_one({3, 40}, [](const Tensor& x) { return torch::gelu(x); });
       }},
      {"dropout",
       [] {
         return of_one({300, 40}, [](const Tensor& x) { return torch::dropout(x, 0.5, true); });
       }},
      {"mse",
       [] {
         const Tensor y = torch::rand({3, 40});
         return of_one({3, 40}, [y](const Tensor& x) { return torch::mse_loss(x, y); });
       }},
      {"smooth_l1",
       [] {
         const Tensor y = torch::rand({3, 40});
         return of_one({3, 40}, [y](const Tensor& x) { return torch::smooth_l1_loss(x, y); });
       }},
      {"bce",
       [] {
         const Tensor y = torch::rand({3, 40});
         return of_one({3, 40}, [y](const Tensor& x) { return torch::binary_cross_entropy(x.sigmoid(), y); });
       }},
      {"bce_with_logits",
       [] {
         const Tensor y = torch::rand({3, 40});
         return of_one({3, 40},
                       [y](const Tensor& x) { return torch::binary_cross_entropy_with_logits(x, y); });
       }},
      {"cross_entropy_1d",
       [] {
         const Tensor y = classes({30});
         return of_one({30, 7}, [y](const Tensor& x) { return torch::cross_entropy_loss(x, y); });
       }},
      {"cross_entropy_2d",
       [] {
         const Tensor y = classes({3, 6, 8});
         return of_one({3, 7, 6, 8}, [y](const Tensor& x) { return torch::cross_entropy_loss(x, y); });
       }},
      {"cross_entropy_3d",
       [] {
         const Tensor y = classes({3, 6, 8, 4});
         return of_one({3, 7, 6, 8, 4}, [y](const Tensor& x) { return torch::cross_entropy_loss(x, y); });
       }},
      {"nll_unreduced",
       [] {
         const Tensor y = classes({3, 6, 8});
         return of_one({3, 7, 6, 8},
                       [y](const Tensor& x) { return torch::nll_loss2d(x, y, {}, at::Reduction::None); });
       }},
      {"batch_norm_2d",
       [] {
         const Tensor w = floats({6}), b = floats({6});
         return of_one({4, 6, 5, 7}, [=](const Tensor& x) {
           return torch::batch_norm(x, w, b, torch::zeros({6}), torch::ones({6}), true, 0.1, 1e-5, false);
         });
       }},
      {"batch_norm_3d",
       [] {
         const Tensor w = floats({6}), b = floats({6});
         return of_one({4, 6, 5, 7, 3}, [=](const Tensor& x) {
           return torch::batch_norm(x, w, b, torch::zeros({6}), torch::ones({6}), true, 0.1, 1e-5, false);
         });
       }},
      {"batch_norm_unlearned",
       [] {
         return of_one({4, 6, 5, 7}, [](const Tensor& x) {
           return torch::batch_norm(x, {}, {}, torch::zeros({6}), torch::ones({6}), false, 0.1, 1e-5, false);
         });
       }},
      {"instance_norm",
       [] {
         const Tensor w = floats({6}), b = floats({6});
         return of_one({4, 6, 5, 7, 3}, [=](const Tensor& x) {
           return torch::instance_norm(x, w, b, {}, {}, true, 0.1, 1e-5, false);
         });
       }},
      {"group_norm",
       [] {
         const Tensor w = floats({6}), b = floats({6});
         return of_one({4, 6, 5, 7}, [=](const Tensor& x) { return torch::group_norm(x, 3, w, b); });
       }},
      {"layer_norm",
       [] {
         const Tensor w = floats({40}), b = floats({40});
         return of_one({4, 6, 40}, [=](const Tensor& x) { return torch::layer_norm(x, {40}, w, b); });
       }},
      {"embedding",
       [] {
         const Tensor i = classes({5, 9});
         return of_one({30, 16}, [i](const Tensor& x) { return torch::embedding(x, i); });
       }},
      {"index_select",
       [] {
         const Tensor i = classes({9});
         return of_one({30, 16}, [i](const Tensor& x) { return x.index_select(0, i); });
       }},
      {"gather",
       [] {
         const Tensor i = classes({30, 2});
         return of_one({30, 16}, [i](const Tensor& x) { return x.gather(1, i); });
       }},
      {"cumsum",
       [] {
         return of_one({30, 16}, [](const Tensor& x) { return x.cumsum(1); });
       }},
      {"max_pool2d",
       [] {
         return of_one({2, 3, 8, 10}, [](const Tensor& x) { return torch::max_pool2d(x, 2); });
       }},
      {"max_pool3d",
       [] {
         return of_one({2, 3, 8, 10, 6}, [](const Tensor& x) { return torch::max_pool3d(x, 2); });
       }},
      {"avg_pool3d",
       [] {
         return of_one({2, 3, 8, 10, 6}, [](const Tensor& x) { return torch::avg_pool3d(x, 2); });
       }},
      {"adaptive_avg_pool2d",
       [] {
         return of_one({2, 3, 8, 10}, [](const Tensor& x) { return torch::adaptive_avg_pool2d(x, {2, 3}); });
       }},
      {"adaptive_avg_pool2d_to_one",
       [] {
         return of_one({2, 3, 8, 10}, [](const Tensor& x) { return torch::adaptive_avg_pool2d(x, {1, 1}); });
       }},
      {"adaptive_avg_pool3d",
       [] {
         return of_one({2, 3, 8, 10, 4}, [](const Tensor& x) {
           return torch::adaptive_avg_pool3d(x, {2, 3, 2});
         });
       }},
      {"adaptive_max_pool2d",
       [] {
         return of_one({2, 3, 8, 10}, [](const Tensor& x) {
           return std::get<0>(torch::adaptive_max_pool2d(x, {2, 3}));
         });
       }},
      {"reflection_pad2d",
       [] {
         return of_one({2, 3, 8, 10}, [](const Tensor& x) {
           return F::pad(x, F::PadFuncOptions({1, 2, 1, 0}).mode(torch::kReflect));
         });
       }},
      {"replication_pad3d",
       [] {
         return of_one({2, 3, 8, 10, 4}, [](const Tensor& x) {
           return F::pad(x, F::PadFuncOptions({1, 2, 1, 0, 1, 1}).mode(torch::kReplicate));
         });
       }},
      {"constant_pad",
       [] {
         return of_one({2, 3, 8, 10}, [](const Tensor& x) {
           return F::pad(x, F::PadFuncOptions({1, 2, 1, 0}));
         });
       }},
      {"upsample_nearest",
       [] {
         return of_one({2, 3, 8, 10}, [](const Tensor& x) { return torch::upsample_nearest2d(x, {16, 20}); });
       }},
      {"upsample_bilinear",
       [] {
         return of_one({2, 3, 8, 10}, [](const Tensor& x) {
           return torch::upsample_bilinear2d(x, {16, 20}, false);
         });
       }},
      {"grid_sample",
       [] {
         const Tensor g = torch::zeros({2, 4, 5, 2});
         return of_one({2, 3, 8, 10},
                       [g](const Tensor& x) { return torch::grid_sampler(x, g, 0, 0, false); });
       }},
      {"attention",
       [] {
         const Tensor k = floats({2, 4, 32, 16}), v = floats({2, 4, 32, 16});
         return of_one({2, 4, 24, 16},
                       [=](const Tensor& q) { return at::scaled_dot_product_attention(q, k, v); });
       }},
      {"attention_masked",
       [] {
         const Tensor k = floats({2, 4, 32, 16}), v = floats({2, 4, 32, 16}), m = torch::ones({24, 32});
         return of_one({2, 4, 24, 16},
                       [=](const Tensor& q) { return at::scaled_dot_product_attention(q, k, v, m); });
       }},
      {"attention_with_dropout",
       [] {
         const Tensor k = floats({2, 4, 32, 16}), v = floats({2, 4, 32, 16});
         return of_one({2, 4, 24, 16},
                       [=](const Tensor& q) { return at::scaled_dot_product_attention(q, k, v, {}, 0.1); });
       }},
      {"attention_without_gradients",
       [] {
         const torch::NoGradGuard n;
         const Tensor q = torch::rand({2, 4, 24, 16});
         return Tensors{at::scaled_dot_product_attention(q, q, q)};
       }},
      {"linear",
       [] {
         const Tensor w = floats({9, 40}), b = floats({9});
         return of_one({4, 6, 40}, [=](const Tensor& x) { return torch::linear(x, w, b); });
       }},
      {"used_three_times",
       [] {
         return of_one({300, 40}, [](const Tensor& x) {
           const Tensor y = x.exp();
           return y.sin() + y.cos() + y.tanh();
         });
       }},
      {"summed_often",
       [] {
         return of_one({300, 40}, [](const Tensor& x) {
           const Tensor y = x.view({-1});
           return y.sum() + y.sum() + y.sum() + y.sum();
         });
       }},
      {"conv1d",
       [] {
         return convolution({3, 8, 50}, {12, 8, 5}, 1, 2, 1, false);
       }},
      {"conv2d",
       [] {
         return convolution({3, 8, 20, 24}, {20, 8, 3, 3}, 1, 1, 1, false);
       }},
      {"conv2d_of_one_image",
       [] {
         return convolution({1, 2, 20, 24}, {20, 2, 3, 3}, 1, 1, 1, false);
       }},
      {"conv2d_1x1",
       [] {
         return convolution({3, 8, 20, 24}, {20, 8, 1, 1}, 1, 0, 1, false);
       }},
      {"conv2d_strided",
       [] {
         return convolution({3, 8, 21, 24}, {20, 8, 3, 3}, 2, 1, 1, false);
       }},
      {"conv2d_grouped",
       [] {
         return convolution({3, 8, 20, 24}, {8, 1, 3, 3}, 1, 1, 8, false);
       }},
      {"conv2d_channels_last",
       [] {
         return convolution({3, 8, 20, 24}, {20, 8, 3, 3}, 1, 1, 1, false, true);
       }},
      {"conv2d_transposed",
       [] {
         return convolution({3, 8, 20, 24}, {8, 20, 2, 2}, 2, 0, 1, true);
       }},
      {"conv3d",
       [] {
         return convolution({2, 8, 9, 10, 11}, {20, 8, 3, 3, 3}, 1, 1, 1, false);
       }},
      {"conv3d_of_one_volume",
       [] {
         return convolution({1, 1, 9, 10, 11}, {8, 1, 3, 3, 3}, 1, 1, 1, false);
       }},
      {"conv3d_transposed",
       [] {
         return convolution({2, 8, 5, 6, 7}, {8, 20, 2, 2, 2}, 2, 0, 1, true);
       }},
  };
  return rows;
}

}  // namespace troupe::test
