//! Nothing that a guest passes breaks a backend or the inference component.

use xray_host::nn::{
    error::ErrorCode,
    tensor::{Tensor, TensorType, element_size},
};

use crate::{inference::runners, onnx_file as file};

/// What a backend cannot do is an error code, never a wrong number.
#[tokio::test]
async fn all_tensor_types_go_through_or_are_refused() {
    let types = [
        (TensorType::Fp32, file::FLOAT),
        (TensorType::U8, file::UINT8),
        (TensorType::I32, file::INT32),
        (TensorType::I64, file::INT64),
        (TensorType::Fp16, file::FLOAT16),
        (TensorType::Fp64, file::DOUBLE),
        (TensorType::Bf16, file::BFLOAT16),
    ];
    for runner in runners() {
        let mut passed = Vec::new();
        for (ty, element) in types {
            let model = file::model("Identity", &["input"], element, &[1, 3]);
            // One, two and three, in any of the types.
            let data: Vec<u8> = match ty {
                TensorType::Fp16 => [0x3c00u16, 0x4000, 0x4200]
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect(),
                TensorType::Bf16 => [0x3f80u16, 0x4000, 0x4040]
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect(),
                TensorType::Fp32 => [1f32, 2.0, 3.0]
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect(),
                TensorType::Fp64 => [1f64, 2.0, 3.0]
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect(),
                other => (1..=3u8)
                    .flat_map(|v| {
                        let mut bytes = vec![0; element_size(other)];
                        bytes[0] = v;
                        bytes
                    })
                    .collect(),
            };
            let tensor = Tensor {
                dims: vec![1, 3],
                ty,
                data,
            };
            let inputs = vec![("input".into(), tensor.clone())];
            match runner.compute(&model, inputs).await {
                Ok(outputs) => {
                    let (name, output) = &outputs[0];
                    assert_eq!((name.as_str(), &output.dims), ("output", &tensor.dims));
                    if output.ty == ty {
                        assert_eq!(output.data, tensor.data, "{} {ty:?}", runner.name());
                        passed.push(ty);
                    }
                }
                Err(error) => assert!(
                    error.code != ErrorCode::Unknown && !error.message.is_empty(),
                    "{} {ty:?}: {error}",
                    runner.name()
                ),
            }
        }
        println!("{} takes {passed:?}", runner.name());
        assert!(passed.contains(&TensorType::Fp32) && passed.contains(&TensorType::U8));
    }
}

#[tokio::test]
async fn wrong_inputs_are_invalid_arguments_everywhere() {
    let model = file::model("Add", &["a", "b"], file::FLOAT, &[2, 3]);
    let good = || Tensor::f32(&[2, 3], &[1.0; 6]);
    let named = |name: &str, tensor| (name.to_owned(), tensor);
    for runner in runners() {
        let inputs = vec![named("b", good()), named("a", good())];
        let sum = runner.compute(&model, inputs).await;
        assert_eq!(sum.unwrap()[0].1.to_f32().unwrap(), [2.0; 6]);
        let wrong = [
            vec![],
            vec![named("a", good())],
            vec![named("a", good()), named("a", good())],
            vec![named("a", good()), named("c", good())],
            vec![named("a", good()), named("b", good()), named("c", good())],
            vec![
                named("a", good()),
                named("b", Tensor::f32(&[3, 2], &[1.0; 6])),
            ],
            vec![named("a", good()), named("b", Tensor::f32(&[6], &[1.0; 6]))],
            vec![
                named("a", good()),
                named("b", Tensor::f32(&[2, 3], &[1.0; 5])),
            ],
            vec![named("a", good()), named("b", Tensor::f32(&[2, 0], &[]))],
            vec![
                named("a", good()),
                named("b", Tensor::f32(&[u32::MAX; 8], &[])),
            ],
            vec![
                named("a", good()),
                named(
                    "b",
                    Tensor {
                        ty: TensorType::I32,
                        ..good()
                    },
                ),
            ],
        ];
        for inputs in wrong {
            let error = runner.compute(&model, inputs.clone()).await.unwrap_err();
            assert_eq!(
                error.code,
                ErrorCode::InvalidArgument,
                "{} {inputs:?}",
                runner.name()
            );
        }
        for damaged in [&model[..model.len() / 2], b"", b"no model"] {
            let error = runner.compute(damaged, vec![]).await;
            let error = error.expect_err("half a model is none");
            assert_eq!(error.code, ErrorCode::RuntimeError);
            assert!(!error.message.is_empty());
        }
    }
}

/// `wasi:nn` has no 16-bit integers, so they are passed as 32-bit ones. rten has none either and
/// takes the 32-bit ones as they are.
#[tokio::test]
async fn int16_inputs_are_passed_as_int32() {
    let mut graph = file::Graph::default();
    let to_float = [("to", file::Attribute::Number(file::FLOAT))];
    graph.node("Cast", &["input"], "output", &to_float);
    let dims: &[u64] = &[1, 3];
    let types = (file::INT16, file::FLOAT);
    let model = graph.converting_file(types, &[("input", dims)], ("output", dims));
    let tensor = |values: [i32; 3]| Tensor {
        dims: vec![1, 3],
        ty: TensorType::I32,
        data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    };
    for runner in runners() {
        let inputs = vec![("input".into(), tensor([-32768, 7, 32767]))];
        match runner.compute(&model, inputs).await {
            Ok(outputs) => {
                let values = outputs[0].1.to_f32().unwrap();
                assert_eq!(values, [-32768.0, 7.0, 32767.0], "{}", runner.name());
                println!("{} takes 16-bit integers", runner.name());
            }
            Err(error) => {
                println!("{} refuses 16-bit integers: {error}", runner.name());
                assert!(!error.message.is_empty(), "{}", runner.name());
            }
        }
        if runner.name().contains("ONNX") {
            let beyond = vec![("input".into(), tensor([0, 0, 32768]))];
            let error = runner.compute(&model, beyond).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{error}");
        }
    }
}
