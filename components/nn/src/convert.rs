//! Conversions between this crate's enums and those generated from the same WIT.

/// Implements `From` in both directions between this crate's element types and error codes and
/// generated ones.
#[macro_export]
macro_rules! convert_bindings {
    ($tensor_type:ty, $error_code:ty) => {
        $crate::convert_bindings!(@ $tensor_type => $crate::tensor::TensorType: Fp16 Fp32 Fp64 Bf16 U8 I32 I64);
        $crate::convert_bindings!(@ $crate::tensor::TensorType => $tensor_type: Fp16 Fp32 Fp64 Bf16 U8 I32 I64);
        $crate::convert_bindings!(@ $crate::error::ErrorCode => $error_code: InvalidArgument InvalidEncoding Timeout RuntimeError
            UnsupportedOperation TooLarge NotFound Security Unknown);
        $crate::convert_bindings!(@ $error_code => $crate::error::ErrorCode: InvalidArgument InvalidEncoding Timeout RuntimeError
            UnsupportedOperation TooLarge NotFound Security Unknown);
    };
    (@ $from:ty => $to:ty: $($name:ident)*) => {
        impl From<$from> for $to {
            fn from(from: $from) -> Self {
                match from {
                    $(<$from>::$name => Self::$name,)*
                }
            }
        }
    };
}
