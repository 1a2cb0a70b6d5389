#pragma once
// See README.md.
typedef struct cublasLtContext* cublasLtHandle_t;
