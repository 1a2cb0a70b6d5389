#pragma once
// Fused elementwise kernels over raw floats, channels-last: [pixels, C], C contiguous. Elementwise or with
// sums of a fixed order, so their bits depend on neither alignment, thread nor instruction set. "act" is
// leaky ReLU 0.2; its derivative is read off the sign of its output. In a dry run (dry_run.hpp) they count
// and do nothing; sums are then 0.
#include <cstddef>
#include <cstdint>

namespace troupe::gan {

/// y = act(y + b).
void bias_act(float* y, const float* b, std::int64_t pixels, std::int64_t C);
/// y = PN(act(y + b)), PN(a) = a * r, r = 1 / sqrt(mean_c a^2 + 1e-8); r: [pixels].
void bias_act_norm(float* y, const float* b, float* r, std::int64_t pixels, std::int64_t C);
/// d = d * scale * act'(a); where db is given, db[c] += sum over pixels of d.
void act_backward(float* d, const float* a, float scale, float* db, std::int64_t pixels, std::int64_t C);
/// Gradient through PN and act in place: d = d/dy on entry, d/d(pre-activation) on return; db[c] += its sum.
void norm_act_backward(float* d, const float* y, const float* r, float* db, std::int64_t pixels,
                       std::int64_t C);
/// a = t * act'(a): a layer's activations give way to the linearised network's, which needs only their signs.
void act_linear(float* a, const float* t, std::int64_t n);
/// a[p, c] = act'(a) * sum_j x[p, j] w[j, c]: the same through a 1x1 convolution from `ch` image channels.
void act_linear_wide(float* a, const float* x, const float* w, std::int64_t pixels, std::int64_t ch,
                     std::int64_t C);

/// y[p, c] = act(b[c] + sum_j x[p, j] w[j, c]).
void image_to_features(float* y, const float* x, const float* w, const float* b, std::int64_t pixels,
                       std::int64_t ch, std::int64_t C);
/// d[p, c] (+)= sum_j x[p, j] w[j, c].
void spread(float* d, const float* x, const float* w, bool add, std::int64_t pixels, std::int64_t ch,
            std::int64_t C);
/// x[p, j] = scale * (sum_c y[p, c] w[j, c] + b[j]); b may be null.
void features_to_image(float* x, const float* y, const float* w, const float* b, float scale,
                       std::int64_t pixels, std::int64_t ch, std::int64_t C);
/// dw[j, c] = scale * sum_p x[p, j] y[p, c].
void outer_sum(float* dw, const float* x, const float* y, float scale, std::int64_t pixels, std::int64_t ch,
               std::int64_t C);
/// db[c] += sum_p d[p, c].
void column_sum(float* db, const float* d, std::int64_t pixels, std::int64_t C);

/// y[n, pixels, ch] = x[n, ch, pixels].
void to_channels_last(float* y, const float* x, std::int64_t n, std::int64_t ch, std::int64_t pixels);
/// y[n, h/2, w/2, C] = mean over 2x2 of x[n, h, w, C]; `size` = h = w.
void pool(float* y, const float* x, std::int64_t n, std::int64_t size, std::int64_t C);
/// x[n, size, size, C] = a * x + b * y[n, size/2, size/2, C] repeated over 2x2.
void blend_up(float* x, float a, const float* y, float b, std::int64_t n, std::int64_t size, std::int64_t C);
/// y[n, size/2, size/2, C] = scale * sum over 2x2 of x.
void sum_down(float* y, const float* x, float scale, std::int64_t n, std::int64_t size, std::int64_t C);
/// z = a * x + b * y.
void blend(float* z, const float* x, float a, const float* y, float b, std::int64_t n);
/// y = scale * x.
void scaled_copy(float* y, const float* x, float scale, std::int64_t n);
/// y = scale * y.
void rescale(float* y, float scale, std::int64_t n);
/// Sum of squares in fixed lanes.
double square_sum(const float* x, std::int64_t n);

/// Mean over features and pixels of the standard deviation over `n` samples of h: [n, features].
float deviation(const float* h, std::int64_t n, std::int64_t features);
/// d += ds * d(deviation)/dh.
void deviation_backward(float* d, const float* h, float ds, std::int64_t n, std::int64_t features);
/// y[n, 4, 4, C] += s * (what a constant channel of ones gives through the 3x3 taps w[3, 3, C], zero padded).
void add_constant_channel(float* y, const float* w, float s, std::int64_t n, std::int64_t C);
/// Of the same, by the gradient d[n, 4, 4, C]: dw[3, 3, C] += s * …; returns the gradient to s.
float constant_channel_backward(float* dw, const float* d, const float* w, float s, std::int64_t n,
                                std::int64_t C);

/// Adam with beta1 = 0 over n elements, reading side A, writing side B:
/// v' = beta2 v + (1 - beta2) g^2, p' = p - rate * g / (sqrt(v' * correction) + 1e-8).
/// Where e is given, the moving average e' = decay * e + (1 - decay) * p'.
struct AdamStep {
  float rate, beta2, correction, decay;
};
void adam(const AdamStep& step, const float* g, const float* p, const float* v, const float* e, float* p2,
          float* v2, float* e2, std::size_t n);

}  // namespace troupe::gan
