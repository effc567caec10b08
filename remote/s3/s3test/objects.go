package s3test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"postern/crypto"
	"postern/remote/s3"
)

// raw returns a client for the objects of a place, as an operator of the store has it.
func raw(p s3.Place) *awss3.Client {
	return awss3.New(awss3.Options{
		BaseEndpoint: &p.Endpoint, UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(AccessKey, SecretKey, ""),
		// The stores of the tests are older than the checksums that the SDK adds by default.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
}

// Save returns the objects of a store below a folder of its prefix, by their keys.
func Save(ctx context.Context, p s3.Place, folder string) (map[string][]byte, error) {
	client, prefix := raw(p), strings.TrimPrefix(p.Prefix+"/"+folder+"/", "/")
	page, err := client.ListObjectsV2(ctx, &awss3.ListObjectsV2Input{Bucket: &p.Bucket, Prefix: &prefix})
	if err != nil {
		return nil, err
	}
	objects := map[string][]byte{}
	for _, o := range page.Contents {
		object, err := client.GetObject(ctx, &awss3.GetObjectInput{Bucket: &p.Bucket, Key: o.Key})
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(object.Body)
		if err := object.Body.Close(); err != nil {
			return nil, err
		}
		if err != nil {
			return nil, err
		}
		objects[*o.Key] = body
	}
	return objects, nil
}

// Found makes a store at a place without trying the server's conditional writes first, which takes the time of some
// hundred requests.
func Found(ctx context.Context, p s3.Place) error {
	var id crypto.StoreID
	if _, err := rand.Read(id[:]); err != nil {
		return err
	}
	marker := "postern store in a bucket, format 1\n" + id.String() + "\n"
	return Restore(ctx, p, map[string][]byte{p.Prefix + "/postern-store": []byte(marker)})
}

// Keys returns the names of all objects of the bucket below a place's prefix, also of those that are not ours.
func Keys(ctx context.Context, p s3.Place) (keys []string, err error) {
	pages := awss3.NewListObjectsV2Paginator(raw(p), &awss3.ListObjectsV2Input{Bucket: &p.Bucket, Prefix: &p.Prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
	}
	return keys, nil
}

// Restore writes objects back, in place of what is there.
func Restore(ctx context.Context, p s3.Place, objects map[string][]byte) error {
	client := raw(p)
	for key, body := range objects {
		_, err := client.PutObject(ctx, &awss3.PutObjectInput{Bucket: &p.Bucket, Key: &key, Body: bytes.NewReader(body)})
		if err != nil {
			return err
		}
	}
	return nil
}
